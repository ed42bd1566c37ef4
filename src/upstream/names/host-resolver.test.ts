import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import type { ProxyError } from "../../http/reason.ts";
import { type AddressWatcher, HostResolver, type NameFailure } from "./host-resolver.ts";
import { toLookupFunction } from "./lookup-function.ts";
import type { NameAnswer } from "./name-source.ts";

function bench(options: { maxNames?: number; random?: () => number } = {}) {
  const scheduler = new ManualScheduler();
  /** Look-ups in the order in which they were asked for. */
  const asked: {
    host: string;
    answer: (addresses: string[], ttlSeconds?: number, more?: Partial<NameAnswer>) => Promise<void>;
    fail: (code: string) => Promise<void>;
  }[] = [];
  let isClosed = false;
  let changeSettings = (): void => {};
  const reports: string[] = [];
  const source = {
    lookUp: (host: string): Promise<NameAnswer> =>
      new Promise((resolve, reject) => {
        asked.push({
          host,
          answer: (addresses, ttlSeconds = 30, more = {}) => (
            resolve({ addresses, ttlMs: ttlSeconds * 1_000, missingFamily: null, isDoubtful: false, ...more }), turn()
          ),
          fail: (code) => (reject(Object.assign(new Error(code), { code })), turn()),
        });
      }),
    follow: (onChange: () => void) => {
      changeSettings = onChange;
    },
    close: () => {
      isClosed = true;
    },
  };
  const onFailure = (host: string, { code, hasLastGood }: NameFailure): void =>
    void reports.push(`${host} ${code}${hasLastGood ? " (last good)" : ""}`);
  const onSuccess = (host: string, wasFailing: boolean): void =>
    void reports.push(`${host} ${wasFailing ? "again" : "found"}`);
  const resolver = new HostResolver({
    source,
    scheduler,
    onFailure,
    onSuccess,
    random: options.random ?? (() => 0),
    ...(options.maxNames && { maxNames: options.maxNames }),
  });
  /** Asks for a host; the outcome is in the returned array once it is there. */
  const ask = (host = "api.test"): string[] => {
    const outcome: string[] = [];
    resolver.resolve(host, (error: ProxyError | null, addresses) =>
      outcome.push(error === null ? addresses.join() : `${error.code} ${error.replay} ${error.detail}`),
    );
    return outcome;
  };
  /** Follows a host; the addresses it was told of are in `told`. */
  const watch = (host = "api.test", isInUse = true): { told: string[]; watcher: AddressWatcher } => {
    const told: string[] = [];
    const watcher: AddressWatcher = { isInUse, onAddresses: (addresses) => void told.push(addresses.join()) };
    resolver.watch(host, watcher);
    return { told, watcher };
  };
  return {
    scheduler,
    asked,
    resolver,
    ask,
    watch,
    reports,
    isClosed: () => isClosed,
    changeSettings: () => changeSettings(),
  };
}

test("literals answer at once and are never looked up", () => {
  const { ask, asked } = bench();
  assert.deepEqual(
    ["127.0.0.1", "::1", "[2001:db8::1]", "::1"].map((host) => ask(host)),
    [["127.0.0.1"], ["::1"], ["2001:db8::1"], ["::1"]],
  );
  assert.equal(asked.length, 0);
});

test("who asks for one name at the same time shares one look-up; afterwards the answer comes at once", async () => {
  const { ask, asked } = bench();
  const outcomes = [ask(), ask()];
  assert.deepEqual(outcomes, [[], []]);
  await asked[0]!.answer(["10.0.0.1", "2001:db8::1"]);
  assert.deepEqual(outcomes, [["10.0.0.1,2001:db8::1"], ["10.0.0.1,2001:db8::1"]]);
  assert.deepEqual(ask(), ["10.0.0.1,2001:db8::1"]);
  assert.equal(asked.length, 1);
});

test("an answer lives as long as it says, but at least 1 s and at most 60 s", async () => {
  for (const [ttlSeconds, livesMs] of [
    [30, 30_000],
    [0, 1_000],
    [86_400, 60_000],
  ] as const) {
    const { ask, asked, scheduler } = bench();
    ask();
    await asked[0]!.answer(["10.0.0.1"], ttlSeconds);
    scheduler.advance(livesMs - 1);
    assert.deepEqual(ask(), ["10.0.0.1"]);
    assert.equal(asked.length, 1);
    scheduler.advance(1);
    const late = ask();
    assert.deepEqual(late, [], "an expired answer waits for a fresh one");
    await asked[1]!.answer(["10.0.0.2"]);
    assert.deepEqual(late, ["10.0.0.2"]);
  }
});

test("a name in use is refreshed in the background before it expires, and nobody waits", async () => {
  const { ask, asked, scheduler } = bench({ random: () => 0.5 });
  ask();
  await asked[0]!.answer(["10.0.0.1"], 10);
  scheduler.advance(8_999);
  ask();
  assert.equal(asked.length, 1);
  scheduler.advance(1);
  assert.deepEqual([ask(), ask()], [["10.0.0.1"], ["10.0.0.1"]]);
  assert.equal(asked.length, 2);
  await asked[1]!.answer(["10.0.0.2"], 10);
  assert.deepEqual(ask(), ["10.0.0.2"]);
  scheduler.advance(8_999);
  assert.deepEqual(ask(), ["10.0.0.2"]);
  assert.equal(asked.length, 2);
});

test("a failure is an error that may be replayed, believed for 1 s, then asked again", async () => {
  const { ask, asked, scheduler } = bench();
  const first = ask();
  await asked[0]!.fail("ENOTFOUND");
  const error = "UPSTREAM_DNS_FAILED safe api.test: ENOTFOUND";
  assert.deepEqual([first, ask()], [[error], [error]]);
  scheduler.advance(1_000);
  const second = ask();
  await asked[1]!.answer([]);
  assert.deepEqual(second, ["UPSTREAM_DNS_FAILED safe api.test: ENODATA"]);
  scheduler.advance(1_000);
  const third = ask();
  await asked[2]!.answer(["10.0.0.1"]);
  assert.deepEqual(third, ["10.0.0.1"]);
});

test("when the name service fails, the last good answer serves on at once, and it is asked again every second", async () => {
  const { ask, asked, scheduler } = bench();
  ask();
  await asked[0]!.answer(["10.0.0.1"], 30);
  scheduler.advance(30_000);
  const waiting = ask();
  await asked[1]!.fail("ETIMEOUT");
  assert.deepEqual(waiting, ["10.0.0.1"]);
  scheduler.advance(3_600_000);
  assert.deepEqual([ask(), ask()], [["10.0.0.1"], ["10.0.0.1"]]);
  assert.equal(asked.length, 3);
  await asked[2]!.fail("ETIMEOUT");
  scheduler.advance(1_000);
  ask();
  await asked[3]!.answer(["10.0.0.2"]);
  assert.deepEqual(ask(), ["10.0.0.2"]);
});

test("nobody waits longer than a second for a fresh answer if an old one is there", async () => {
  const { ask, asked, scheduler } = bench();
  ask();
  await asked[0]!.answer(["10.0.0.1"], 30);
  scheduler.advance(60_000);
  const waiting = [ask(), ask()];
  scheduler.advance(999);
  assert.deepEqual(waiting, [[], []]);
  scheduler.advance(1);
  assert.deepEqual(waiting, [["10.0.0.1"], ["10.0.0.1"]]);
  await asked[1]!.answer(["10.0.0.2"]);
  assert.deepEqual(ask(), ["10.0.0.2"]);
  assert.deepEqual([asked.length, scheduler.pendingCount], [2, 0]);
});

test("the cache is bounded: the least recently used name goes first, one being looked up never", async () => {
  const { ask, asked, scheduler, resolver } = bench({ maxNames: 3 });
  for (const host of ["a.test", "b.test"]) {
    ask(host);
    await asked.at(-1)!.answer(["10.0.0.1"]);
    scheduler.advance(10);
  }
  const pending = ask("pending.test");
  ask("a.test");
  ask("c.test");
  assert.equal(resolver.size, 3);
  assert.deepEqual(ask("a.test"), ["10.0.0.1"]);
  assert.deepEqual(ask("b.test"), [], "forgotten");
  await asked[2]!.answer(["10.0.0.9"]);
  assert.deepEqual(pending, ["10.0.0.9"]);
});

test("closing tells who waits, and nothing stays behind", async () => {
  const { ask, asked, scheduler, resolver, isClosed } = bench();
  ask("old.test");
  await asked[0]!.answer(["10.0.0.1"]);
  scheduler.advance(60_000);
  const waiting = [ask("old.test"), ask("new.test")];
  resolver.close();
  assert.deepEqual(waiting, [
    ["UPSTREAM_DNS_FAILED safe old.test: closed"],
    ["UPSTREAM_DNS_FAILED safe new.test: closed"],
  ]);
  assert.deepEqual([isClosed(), scheduler.pendingCount, resolver.size], [true, 0, 0]);
  await asked[1]!.answer(["10.0.0.2"]);
  await asked[2]!.fail("ECANCELLED");
  assert.deepEqual(ask("late.test"), ["UPSTREAM_DNS_FAILED safe late.test: closed"]);
  assert.equal(asked.length, 3);
});

test("as a lookup function it answers in Node's shapes, never within the call", async () => {
  const { resolver } = bench();
  const lookup = toLookupFunction(resolver);
  const seen: unknown[] = [];
  lookup("10.0.0.1", { all: true }, (...answer) => seen.push(answer));
  lookup("::1", {}, (...answer) => seen.push(answer));
  assert.deepEqual(seen, []);
  await turn();
  assert.deepEqual(seen, [
    [null, [{ address: "10.0.0.1", family: 4 }]],
    [null, "::1", 6],
  ]);
  resolver.close();
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => lookup("x.test", {}, resolve));
  assert.equal(error?.code, "closed");
});

test("if no name server answered, it is a timeout, and a shortage of our own is nobody's fault", async () => {
  for (const [code, outcome] of [
    ["ETIMEOUT", "UPSTREAM_DNS_TIMEOUT safe api.test: ETIMEOUT"],
    ["EMFILE", "OVERLOADED safe api.test: EMFILE"],
    ["ESERVFAIL", "UPSTREAM_DNS_FAILED safe api.test: ESERVFAIL"],
  ] as const) {
    const { ask, asked } = bench();
    const waiting = ask();
    await asked[0]!.fail(code);
    assert.deepEqual(waiting, [outcome]);
  }
});

test("a wait that is called off is not answered, and those beside it are", async () => {
  const { resolver, ask, asked } = bench();
  const outcome: string[] = [];
  const wait = resolver.resolve("api.test", () => outcome.push("answered"));
  const other = ask();
  wait?.cancel();
  await asked[0]!.answer(["10.0.0.1"]);
  assert.deepEqual([outcome, other], [[], ["10.0.0.1"]]);
});

test("a watched name is refreshed without anybody asking, and the watcher is told of other addresses, not of another order", async () => {
  const { scheduler, asked, ask, watch, resolver } = bench();
  const { told, watcher } = watch();
  assert.equal(asked.length, 0, "watching alone asks nothing");
  ask();
  await asked[0]!.answer(["10.0.0.1", "10.0.0.2"], 10);
  assert.deepEqual(told, ["10.0.0.1,10.0.0.2"]);
  scheduler.advance(10_000);
  await asked[1]!.answer(["10.0.0.2", "10.0.0.1"], 10);
  scheduler.advance(10_000);
  await asked[2]!.answer(["10.0.0.2", "10.0.0.3"], 10);
  assert.deepEqual(told, ["10.0.0.1,10.0.0.2", "10.0.0.2,10.0.0.3"]);
  resolver.unwatch("api.test", watcher);
  assert.equal(scheduler.pendingCount, 0);
  scheduler.advance(60_000);
  assert.equal(asked.length, 3);
});

test("a watched name that nobody uses is refreshed for ten minutes, one with connections without end", async () => {
  for (const [isInUse, isRefreshed] of [
    [false, false],
    [true, true],
  ] as const) {
    const { scheduler, asked, ask, watch } = bench();
    watch("api.test", isInUse);
    ask();
    await asked.at(-1)!.answer(["10.0.0.1"], 60);
    for (let minute = 1; minute < 10; minute++) {
      scheduler.advance(60_000);
      await asked.at(-1)!.answer(["10.0.0.1"], 60);
    }
    assert.equal(asked.length, 10);
    scheduler.advance(60_000);
    assert.equal(asked.length, isRefreshed ? 11 : 10);
  }
});

test("failures and empty answers leave the watchers' addresses as they are, and are reported until it is over", async () => {
  const { scheduler, asked, ask, watch, reports } = bench();
  const { told } = watch();
  ask();
  await asked[0]!.answer(["10.0.0.1"], 5);
  scheduler.advance(5_000);
  await asked[1]!.fail("ENOTFOUND");
  scheduler.advance(1_000);
  await asked[2]!.answer([]);
  scheduler.advance(1_000);
  await asked[3]!.fail("ETIMEOUT");
  assert.deepEqual(ask(), ["10.0.0.1"]);
  scheduler.advance(1_000);
  await asked[4]!.answer(["10.0.0.2"]);
  assert.deepEqual(told, ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(reports, [
    "api.test found",
    "api.test ENOTFOUND (last good)",
    "api.test ENODATA (last good)",
    "api.test ETIMEOUT (last good)",
    "api.test again",
  ]);
});

test("an answer in doubt is taken if there is none better", async () => {
  const { scheduler, asked, ask, watch } = bench();
  const { told } = watch();
  ask();
  await asked[0]!.answer(["192.0.2.66"], 5, { isDoubtful: true });
  scheduler.advance(5_000);
  await asked[1]!.answer(["10.0.0.1"], 5);
  scheduler.advance(5_000);
  await asked[2]!.answer(["192.0.2.66"], 5, { isDoubtful: true });
  assert.deepEqual([told, ask()], [["192.0.2.66", "10.0.0.1"], ["10.0.0.1"]]);
});

test("addresses of a family that could not be asked for stay", async () => {
  const { scheduler, asked, ask, watch } = bench();
  const { told } = watch();
  ask();
  await asked[0]!.answer(["10.0.0.1", "2001:db8::1"], 5);
  scheduler.advance(5_000);
  await asked[1]!.answer(["10.0.0.2"], 5, { missingFamily: 6 });
  scheduler.advance(5_000);
  await asked[2]!.answer(["10.0.0.2"], 5);
  assert.deepEqual(told, ["10.0.0.1,2001:db8::1", "10.0.0.2,2001:db8::1", "10.0.0.2"]);
});

test("of hundreds of addresses 64 are used, and the same ones as long as they are in the answer", async () => {
  const { scheduler, asked, ask, watch } = bench();
  const { told } = watch();
  const all = Array.from({ length: 300 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  ask();
  await asked[0]!.answer(all, 5);
  scheduler.advance(5_000);
  await asked[1]!.answer(all.toReversed(), 5);
  assert.deepEqual(told, [all.slice(0, 64).join()]);
  scheduler.advance(5_000);
  await asked[2]!.answer(all.slice(1).toReversed(), 5);
  assert.deepEqual(told[1]?.split(",").toSorted(), [...all.slice(1, 64), all.at(-1)!].toSorted());
});

test("other settings of the machine: what is watched is asked for anew soon, the rest with its next use, and an answer under way counts for little", async () => {
  const { scheduler, asked, ask, watch, changeSettings } = bench({ random: () => 0.5 });
  const { told } = watch("watched.test");
  ask("watched.test");
  await asked[0]!.answer(["10.0.0.1"], 60);
  ask("failed.test");
  await asked[1]!.fail("ENOTFOUND");
  ask("pending.test");
  changeSettings();
  assert.equal(asked.length, 3);
  const again = ask("failed.test");
  await asked[3]!.answer(["10.0.0.3"]);
  assert.deepEqual(again, ["10.0.0.3"]);
  scheduler.advance(250);
  await asked[4]!.answer(["10.0.0.2"]);
  assert.deepEqual([asked[4]!.host, told], ["watched.test", ["10.0.0.1", "10.0.0.2"]]);
  await asked[2]!.answer(["10.0.0.4"]);
  assert.deepEqual(
    asked.slice(5).map(({ host }) => host),
    ["pending.test"],
  );
});

test("watched names are never forgotten", async () => {
  const { ask, asked, watch, resolver } = bench({ maxNames: 1 });
  watch("watched.test");
  ask("watched.test");
  await asked[0]!.answer(["10.0.0.1"]);
  ask("other.test");
  await asked[1]!.answer(["10.0.0.2"]);
  ask("third.test");
  assert.deepEqual([ask("watched.test"), resolver.size], [["10.0.0.1"], 2]);
});
