import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../base/clock.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import { Doorbells } from "./doorbells.ts";
import type { KeyDigest } from "./fill-key.ts";
import type { FillListener, Lead, Shared } from "./fill-ticket.ts";
import { Fills } from "./fills.ts";

/** Fills of several threads, as this one plays them. */
class Threads {
  readonly memory = new SharedMemory();
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel({ clock: this.clock });
  readonly fills: Fills[];
  readonly clearStripe: (stripe: number) => void;
  readonly #stripes: number;
  readonly #timer = setInterval(() => {}, 1_000);

  constructor(context: { after(end: () => void): void }, stripes: number, digest?: KeyDigest) {
    this.#stripes = stripes;
    Doorbells.reserve(this.memory, stripes);
    this.clearStripe = Fills.reserve(this.memory, stripes).clearStripe!;
    this.fills = Array.from({ length: stripes }, (_, stripe) => this.start(stripe, digest));
    context.after(() => clearInterval(this.#timer));
  }

  start(stripeIndex: number, digest?: KeyDigest): Fills {
    const { memory, wheel } = this;
    return new Fills({
      memory,
      stripeIndex,
      stripes: this.#stripes,
      wheel,
      doorbells: Doorbells.open(memory, stripeIndex, this.#stripes),
      onInternalError: (error) => assert.fail(String(error)),
      ...(digest && { digest }),
    });
  }

  /** Lets everybody hear what was rung. */
  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) await turn();
  }

  assertEmpty(): void {
    for (const fills of this.fills) assert.deepEqual(fills.counts, { fills: 0, waiters: 0 });
    // Whoever comes now leads: no place was left taken.
  }
}

/** Somebody who wants a key. */
class Asker implements FillListener {
  readonly got: string[] = [];
  lead: Lead | null = null;
  cancel = (): void => {};
  onShared({ draftId }: Shared): void {
    this.got.push(`draft ${draftId}`);
  }
  onAlone(): void {
    this.got.push("alone");
  }
  onLead(lead: Lead): void {
    this.got.push("lead");
    this.lead = lead;
  }
  ask(fills: Fills, key = "k", limitMs = 5_000): this {
    const ticket = fills.join(key, this, limitMs);
    this.got.push(ticket.kind === "shared" ? `draft ${ticket.shared.draftId}` : ticket.kind);
    if (ticket.kind === "lead") this.lead = ticket.lead;
    if (ticket.kind === "wait") this.cancel = () => ticket.cancel();
    return this;
  }
}

const ask = (fills: Fills, key = "k", limitMs = 5_000): Asker => new Asker().ask(fills, key, limitMs);

test("one leads over all threads, and all others get its draft", async (context) => {
  const threads = new Threads(context, 3);
  const leader = ask(threads.fills[0]!);
  const others = threads.fills.flatMap((fills) => Array.from({ length: 30 }, () => ask(fills)));
  leader.lead!.publish({ draftId: 2 ** 40 + 7, stamp: 3 });
  await threads.settle();
  assert.deepEqual(leader.got, ["lead"]);
  for (const other of others) assert.deepEqual(other.got, ["wait", `draft ${2 ** 40 + 7}`]);
  assert.deepEqual(ask(threads.fills[1]!).got, [`draft ${2 ** 40 + 7}`]);
  assert.deepEqual(ask(threads.fills[0]!).got, [`draft ${2 ** 40 + 7}`]);
  leader.lead!.finish(3);
  threads.assertEmpty();
  const next = ask(threads.fills[2]!);
  assert.deepEqual(next.got, ["lead"]);
});

test("who looks when all is over still learns which draft it was", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const other = ask(threads.fills[1]!);
  leader.lead!.publish({ draftId: 5, stamp: 3 });
  leader.lead!.finish(3);
  await threads.settle();
  assert.deepEqual(other.got, ["wait", "draft 5"]);
  assert.deepEqual(ask(threads.fills[1]!).got, ["lead"]);
});

test("what was validated is shared by its name, wherever somebody waits", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const stamps: number[] = [];
  const listener = (): FillListener => ({
    onShared: ({ draftId, stamp }) => stamps.push(draftId, stamp),
    onAlone: () => assert.fail(),
    onLead: () => assert.fail(),
  });
  for (const fills of threads.fills) fills.join("k", listener(), 5_000);
  leader.lead!.finish(1_796_000_000_123);
  await threads.settle();
  assert.deepEqual(stamps, [0, 1_796_000_000_123, 0, 1_796_000_000_123]);
  threads.assertEmpty();
});

test("what is not storable lets all go at once, and is remembered for a while", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const others = threads.fills.flatMap((fills) => Array.from({ length: 100 }, () => ask(fills)));
  leader.lead!.refuse(120_000);
  await threads.settle();
  for (const other of others) assert.deepEqual(other.got, ["wait", "alone"]);
  for (const fills of threads.fills) assert.deepEqual(ask(fills).got, ["alone"]);
  threads.assertEmpty();
});

test("not storable and not to be remembered: all go, and who comes next leads", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const other = ask(threads.fills[1]!);
  leader.lead!.refuse(0);
  await threads.settle();
  assert.deepEqual(other.got, ["wait", "alone"]);
  assert.deepEqual(ask(threads.fills[1]!).got, ["lead"]);
});

test("after a leader that fails exactly one leads, wherever it waits", async (context) => {
  const threads = new Threads(context, 3);
  let leader = ask(threads.fills[0]!);
  const others = threads.fills.flatMap((fills) => [ask(fills), ask(fills)]);
  for (let round = 1; round <= 6; round++) {
    leader.lead!.fail();
    await threads.settle();
    const leaders = others.filter((other) => other.got.includes("lead"));
    assert.equal(leaders.length, round);
    leader = leaders.find((one) => one.lead !== null)!;
    for (const one of leaders) if (one !== leader) one.lead = null;
    const now = leader;
    leader = Object.assign(new Asker(), { lead: now.lead });
    now.lead = null;
  }
  leader.lead!.fail();
  threads.assertEmpty();
  assert.deepEqual(ask(threads.fills[1]!).got, ["lead"]);
});

test("who was to lead but has gone meanwhile is passed over", async (context) => {
  const threads = new Threads(context, 2);
  const [fills] = threads.fills;
  const leader = ask(fills!);
  const first = ask(fills!);
  const second = ask(fills!);
  // While others are told, the next leader has to wait for that.
  const other = ask(fills!, "other");
  const busy = new Asker();
  busy.onAlone = () => {
    leader.lead!.fail();
    first.cancel();
  };
  busy.ask(fills!, "other");
  other.lead!.refuse(0);
  await threads.settle();
  assert.deepEqual(first.got, ["wait"]);
  assert.deepEqual(second.got, ["wait", "lead"]);
});

test("nobody waits for longer than the limit", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const others = threads.fills.map((fills) => ask(fills, "k", 5_000));
  for (let tick = 0; tick < 53; tick++) {
    threads.clock.advance(100);
    threads.wheel.advance();
  }
  await threads.settle();
  for (const other of others) assert.deepEqual(other.got, ["wait", "alone"]);
  leader.lead!.finish(3);
  threads.assertEmpty();
  assert.equal(threads.wheel.linkedCount, 0);
});

test("who has gone waits no more, and holds nothing", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const other = ask(threads.fills[1]!);
  other.cancel();
  leader.lead!.publish({ draftId: 1, stamp: 3 });
  leader.lead!.finish(3);
  await threads.settle();
  assert.deepEqual(other.got, ["wait"]);
  threads.assertEmpty();
  assert.equal(threads.wheel.linkedCount, 0);
});

test("a thread that dies lets go of what it led and waited for", async (context) => {
  const threads = new Threads(context, 3);
  const dead = ask(threads.fills[0]!);
  ask(threads.fills[0]!, "published").lead!.publish({ draftId: 9, stamp: 3 });
  const late = ask(threads.fills[1]!, "published");
  assert.deepEqual(late.got, ["draft 9"]);
  const led = ask(threads.fills[1]!, "mine");
  ask(threads.fills[0]!, "mine");
  const others = [ask(threads.fills[1]!), ask(threads.fills[2]!)];
  threads.clearStripe(0);
  await threads.settle();
  assert.equal(others.filter((other) => other.got.includes("lead")).length, 1);
  assert.equal(dead.got.length, 1);
  // The place of a published fill is free, and one that only the dead waited for ends as if it had not.
  threads.fills[0] = threads.start(0);
  assert.deepEqual(ask(threads.fills[0], "published").got, ["lead"]);
  led.lead!.finish(3);
  assert.deepEqual(ask(threads.fills[0], "mine").got, ["lead"]);
});

test("a lock that a dead thread holds is let go", (context) => {
  const threads = new Threads(context, 2);
  // As if thread 0 had died in the middle: every lock is its own.
  const { buffer, byteOffset, byteLength } = threads.memory.region("fills", 0 + regionBytes(threads.memory));
  const words = new Int32Array(buffer, byteOffset, byteLength / 4);
  const locksAt = words.length - 512 * 8 * 16 - 512;
  words.fill(1, locksAt, locksAt + 512);
  threads.clearStripe(0);
  assert.deepEqual(ask(threads.fills[1]!).got, ["lead"]);
});

function regionBytes(memory: SharedMemory): number {
  try {
    memory.region("fills", 0);
  } catch (error) {
    return Number(/has (\d+) bytes/.exec(String(error))![1]);
  }
  return 0;
}

test("two keys whose hashes share their place are two", async (context) => {
  // All keys fall together by the half that finds the place.
  const digest: KeyDigest = {
    digest(key, into) {
      into.set([1, 2, key.length, 0]);
    },
  };
  const threads = new Threads(context, 2, digest);
  const first = ask(threads.fills[0]!, "a");
  const second = ask(threads.fills[1]!, "bb");
  assert.deepEqual([first.got, second.got], [["lead"], ["lead"]]);
  first.lead!.publish({ draftId: 1, stamp: 3 });
  assert.deepEqual(ask(threads.fills[1]!, "a").got, ["draft 1"]);
  assert.deepEqual(ask(threads.fills[0]!, "bb").got, ["wait"]);
  // A set is full: who finds no place fetches for itself.
  const kinds = Array.from({ length: 9 }, (_, index) => ask(threads.fills[0]!, "c".repeat(index + 3)).got[0]);
  assert.deepEqual(kinds, [...Array<string>(6).fill("lead"), "alone", "alone", "alone"]);
  await threads.settle();
});

test("origins that fail again and again are asked less and less", (context) => {
  const threads = new Threads(context, 1);
  const { pauses } = threads.fills[0]!;
  assert.equal(pauses.mayAsk("k"), true);
  pauses.noteFailure("k");
  assert.equal(pauses.mayAsk("k"), false);
  assert.equal(pauses.mayAsk("other"), true);
  pauses.noteSuccess("k");
  assert.equal(pauses.mayAsk("k"), true);
});

test("what is closed lets all who wait go", async (context) => {
  const threads = new Threads(context, 2);
  const leader = ask(threads.fills[0]!);
  const other = ask(threads.fills[1]!);
  threads.fills[1]!.close();
  await threads.settle();
  assert.deepEqual(other.got, ["wait", "alone"]);
  leader.lead!.finish(3);
  assert.deepEqual(ask(threads.fills[0]!).got, ["lead"]);
});
