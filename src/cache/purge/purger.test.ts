import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import { createRegion } from "../../base/shared-memory.ts";
import type { SweptAnswer } from "./pending-purges.ts";
import type { Purge } from "./purge.ts";
import { PurgeLog } from "./purge-log.ts";
import type { PurgeSweeper, SweepRound } from "./purge-sweeper.ts";
import { Purger } from "./purger.ts";

const of = (kind: Purge["kind"], value = "", isSoft = false): Purge => ({ kind, value, isSoft });

/** A store that is swept at once, or when `gate` opens. */
class FakeStore implements PurgeSweeper {
  readonly name = "fake";
  answers: SweptAnswer[] = [];
  stale: SweptAnswer[] = [];
  sweeps = 0;
  readonly recorded: Purge[] = [];
  gate: Promise<void> = Promise.resolve();
  failure: string | null = null;
  recordFailure: string | null = null;

  add(url: string, tags: readonly string[] = [], parts: Partial<SweptAnswer> = {}): void {
    this.answers.push({ url, tags, purgeSequence: 0, variants: null, ...parts });
  }

  record(purge: Purge): Promise<void> {
    if (this.recordFailure !== null) return Promise.reject(new Error(this.recordFailure));
    this.recorded.push(purge);
    return Promise.resolve();
  }

  async sweep(round: SweepRound): Promise<void> {
    this.sweeps++;
    await this.gate;
    if (this.failure !== null) throw new Error(this.failure);
    this.answers = this.answers.filter((answer) => {
      const verdict = round.judge(answer);
      if (verdict === "soft") this.stale.push(answer);
      return verdict !== "gone";
    });
  }
}

function create() {
  const log = PurgeLog.openRegion(createRegion(64 + 16_384));
  const store = new FakeStore();
  const scheduler = new ManualScheduler();
  const failures: string[] = [];
  const purger = new Purger({
    log,
    sweepers: () => [store],
    onSweepFailure: (name, reason) => failures.push(`${name}: ${reason}`),
    scheduler,
  });
  /** Lets what is waiting go on, and time pass. */
  const run = async (ms: number): Promise<void> => {
    for (let at = 0; at < 20; at++) await nextTurn();
    scheduler.advance(ms);
    for (let at = 0; at < 20; at++) await nextTurn();
  };
  return { log, store, scheduler, failures, purger, run };
}

test("a purge holds before anything else happens, and then tells how many it concerned", async () => {
  const { log, store, purger, run } = create();
  store.add("https://h/a", ["x", "x", "y"]);
  store.add("https://h/b", ["y"]);
  const outcome = purger.purge([of("tag", "x"), of("url", "https://h/a")]);
  assert.equal(log.sequence, 2);
  await run(1);
  assert.deepEqual(await outcome, { purged: 2, failures: [] });
  assert.deepEqual(
    store.answers.map(({ url }) => url),
    ["https://h/b"],
  );
  assert.equal(log.floor, 2);
  assert.deepEqual(store.recorded, [of("tag", "x"), of("url", "https://h/a")]);
});

test("a soft purge leaves answers where they are, and makes them stale", async () => {
  const { store, purger, run } = create();
  store.add("https://h/a");
  const outcome = purger.purge([of("prefix", "https://h/", true)]);
  await run(1);
  assert.equal((await outcome).purged, 1);
  assert.equal(store.answers.length, 1);
  assert.deepEqual(
    store.stale.map(({ url }) => url),
    ["https://h/a"],
  );
});

test("records of variants go with their answers, and are not counted", async () => {
  const { store, purger, run } = create();
  store.add("https://h/a", [], { variants: [{}] });
  store.add("https://h/a");
  store.add("https://h/a");
  const soft = purger.purge([of("all", "", true)]);
  await run(1);
  assert.equal((await soft).purged, 2);
  assert.equal(store.stale.length, 2);
  const hard = purger.purge([of("all")]);
  await run(1_000);
  assert.equal((await hard).purged, 2);
  assert.equal(store.answers.length, 0);
});

test("what was fetched after a purge is neither taken away nor counted", async () => {
  const { store, purger, run } = create();
  store.add("https://h/a", [], { purgeSequence: 1 });
  const outcome = purger.purge([of("all")]);
  await run(1);
  assert.equal((await outcome).purged, 0);
  assert.equal(store.answers.length, 1);
});

test("purges that come during a sweep share the next one", async () => {
  const { log, store, purger, run } = create();
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const first = purger.purge([of("tag", "0")]);
  await run(1);
  const others = Array.from({ length: 50 }, (_, at) => purger.purge([of("tag", `${at + 1}`)]));
  for (let at = 1; at <= 50; at++) store.add("https://h/", [`${at}`]);
  await run(1);
  assert.equal(log.floor, 0);
  gate.resolve();
  await run(1_000);
  await first;
  for (const one of others) assert.equal((await one).purged, 1);
  assert.equal(store.sweeps, 2);
  assert.equal(log.floor, 51);
});

test("nobody waits long for a count", async () => {
  const { log, store, purger, run } = create();
  store.gate = new Promise(() => {});
  const outcome = purger.purge([of("all")]);
  await run(1);
  await run(2_000);
  assert.deepEqual(await outcome, { purged: null, failures: [] });
  assert.equal(log.judgeFound({ url: "", tags: [], purgeSequence: 0 }, log.floor), "gone");
});

test("a store that cannot make it last is named", async () => {
  const { store, purger, run } = create();
  store.recordFailure = "the disk is full";
  const outcome = purger.purge([of("all")]);
  await run(1);
  assert.deepEqual(await outcome, { purged: 0, failures: [{ store: "fake", reason: "the disk is full" }] });
});

test("a sweep that fails is tried again, and the purge holds meanwhile", async () => {
  const { log, store, purger, run, failures } = create();
  store.failure = "broken";
  store.add("https://h/a");
  const outcome = purger.purge([of("all")]);
  await run(1);
  assert.equal((await outcome).purged, null);
  assert.deepEqual(failures, ["fake: broken"]);
  assert.equal(log.floor, 0);
  store.failure = null;
  await run(1_000);
  assert.equal(log.floor, 1);
  assert.equal(store.answers.length, 0);
});

test("100,000 purges in a row go through a log that holds a few hundred", async () => {
  const { log, store, purger, scheduler } = create();
  const count = 100_000;
  store.add("https://h/a", ["99999"]);
  let isDone = false;
  const outcome = purger
    .purge(Array.from({ length: count }, (_, at) => of("tag", `${at}`)))
    .finally(() => (isDone = true));
  while (!isDone) {
    scheduler.advance(1);
    await nextTurn();
  }
  assert.deepEqual(await outcome, { purged: 1, failures: [] });
  assert.equal(log.sequence, count);
  assert.equal(log.floor, count);
  assert.equal(store.recorded.length, count);
  assert.ok(store.sweeps < 1_000, `${store.sweeps}`);
});

for (const [how, gate, failure] of [
  ["hang", new Promise<void>(() => {}), null],
  ["fail", Promise.resolve(), "broken"],
] as const)
  test(`if the stores ${how}, purges that the log has no room for are refused in the end`, async () => {
    const { log, store, purger, run } = create();
    store.gate = gate;
    store.failure = failure;
    const refused = assert.rejects(
      purger.purge(Array.from({ length: 1_000 }, (_, at) => of("tag", `${at}`))),
      /too many purges at once/,
    );
    for (let second = 0; second < 31; second++) await run(1_000);
    await refused;
    assert.ok(log.sequence > 400);
  });

test("at the end nobody is left waiting", async () => {
  const { store, purger, run } = create();
  store.gate = new Promise(() => {});
  const counted = purger.purge([of("all")]);
  await run(1);
  const room = purger.purge(Array.from({ length: 1_000 }, (_, at) => of("tag", `${at}`)));
  const refused = assert.rejects(room);
  await run(1);
  purger.close();
  assert.equal((await counted).purged, null);
  await refused;
});
