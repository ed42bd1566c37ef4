import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { ManualClock } from "../../base/clock.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { BucketTable } from "./bucket-table.ts";
import { LimitPolicy } from "./limit-policy.ts";

function createTable(clock: ManualClock, maxKeys = 1024): BucketTable {
  return new BucketTable(BucketTable.reserve(new SharedMemory(), "test", maxKeys), clock);
}

/** The algorithm as a textbook has it: a token bucket that is refilled continuously. */
class TokenBucket {
  #tokens: number;
  #lastMs: number;
  readonly #policy: LimitPolicy;

  constructor(policy: LimitPolicy, nowMs: number) {
    this.#policy = policy;
    this.#tokens = policy.burst;
    this.#lastMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(
      this.#policy.burst,
      this.#tokens + ((nowMs - this.#lastMs) * 1e6) / this.#policy.intervalNs,
    );
    this.#lastMs = nowMs;
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }

  get remaining(): number {
    return Math.floor(this.#tokens + 1e-9);
  }
}

test("a burst passes at once, then the rate", () => {
  const clock = new ManualClock();
  const table = createTable(clock);
  const policy = new LimitPolicy("test", { count: 10, perMs: 1000 }, 3);
  const take = (): boolean => table.take("a", policy).isAdmitted;
  assert.deepEqual([take(), take(), take(), take()], [true, true, true, false]);
  assert.equal(table.take("a", policy).waitMs, 100);
  clock.advance(99);
  assert.equal(take(), false);
  clock.advance(1);
  assert.deepEqual([take(), take()], [true, false]);
  clock.advance(10_000);
  assert.deepEqual([take(), take(), take(), take()], [true, true, true, false]);
});

test("what is refused is not counted: who keeps asking too fast still gets the rate", () => {
  const clock = new ManualClock();
  const table = createTable(clock);
  const policy = new LimitPolicy("test", { count: 10, perMs: 1000 }, 1);
  let admitted = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    if (table.take("a", policy).isAdmitted) admitted++;
    clock.advance(1);
  }
  assert.equal(admitted, 100);
});

test("at any times it admits what a token bucket does, key by key", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 40 }), key: fc.constantFrom("a", "b", "c") }), {
        maxLength: 200,
      }),
      (perSecond, burst, asks) => {
        const clock = new ManualClock();
        const table = createTable(clock);
        // An interval of whole nanoseconds, as the policy rounds it.
        const policy = new LimitPolicy("test", { count: perSecond, perMs: 1000 }, burst);
        const models = new Map(["a", "b", "c"].map((key) => [key, new TokenBucket(policy, clock.now())]));
        for (const { waitMs, key } of asks) {
          clock.advance(waitMs);
          const decision = table.take(key, policy);
          const model = models.get(key)!;
          assert.equal(decision.isAdmitted, model.take(clock.now()));
          assert.equal(decision.remaining, model.remaining);
          assert.ok(decision.waitMs > 0 && Math.round(decision.waitMs * 1e6) <= policy.intervalNs);
        }
      },
    ),
  );
});

test("a flood of other keys does not give back what a key has used up", () => {
  const clock = new ManualClock();
  const table = createTable(clock);
  const policy = new LimitPolicy("test", { count: 1, perMs: 1000 }, 10);
  for (let count = 0; count < 10; count++) assert.ok(table.take("attacker", policy).isAdmitted);
  for (let other = 0; other < 50_000; other++) table.take(`other-${other}`, policy);
  assert.equal(table.take("attacker", policy).isAdmitted, false);
});

test("a flood never admits more than the table's places could", () => {
  const clock = new ManualClock();
  const table = createTable(clock);
  const policy = new LimitPolicy("test", { count: 1, perMs: 1000 }, 5);
  let admitted = 0;
  for (let other = 0; other < 100_000; other++) if (table.take(`other-${other}`, policy).isAdmitted) admitted++;
  assert.ok(admitted <= 1024 * 5, `${admitted} were admitted`);
  clock.advance(5_000);
  assert.equal(table.take("newcomer", policy).remaining, 4);
});

test("a limit that has become faster lets nobody wait by the old one", () => {
  const clock = new ManualClock();
  const table = createTable(clock);
  const slow = new LimitPolicy("test", { count: 1, perMs: 3_600_000 }, 5);
  for (let count = 0; count < 5; count++) assert.ok(table.take("a", slow).isAdmitted);
  const fast = new LimitPolicy("test", { count: 10, perMs: 1_000 }, 2);
  assert.deepEqual({ ...table.take("a", fast) }, { isAdmitted: false, remaining: 0, waitMs: 100 });
  clock.advance(100);
  assert.ok(table.take("a", fast).isAdmitted);
});

test("threads whose clocks differ a little admit together what one would", () => {
  const memory = new SharedMemory();
  // A thread tells the time from its own start, which it knows to some microseconds.
  const clocks = [new ManualClock(1_000), new ManualClock(1_000.05)];
  const tables = clocks.map((clock) => new BucketTable(BucketTable.reserve(memory, "test", 1024), clock));
  const policy = new LimitPolicy("test", { count: 100_000, perMs: 1000 }, 100);
  let admitted = 0;
  for (let round = 0; round < 1_000; round++) {
    for (const table of tables) if (table.take("a", policy).isAdmitted) admitted++;
    for (const clock of clocks) clock.advance(0.001);
  }
  // A burst of 100, then 100 in a millisecond; the clocks differ by five.
  assert.ok(admitted <= 100 + 100 + 5 + 1, `${admitted} were admitted`);
});

test("a reload finds the same buckets; another size is another table", () => {
  const clock = new ManualClock();
  const memory = new SharedMemory();
  const policy = new LimitPolicy("test", { count: 1, perMs: 1000 }, 1);
  const open = (key: string, maxKeys: number): BucketTable =>
    new BucketTable(BucketTable.reserve(memory, key, maxKeys), clock);
  assert.ok(open("limit", 1024).take("a", policy).isAdmitted);
  assert.ok(!open("limit", 1024).take("a", policy).isAdmitted);
  assert.ok(open("other", 4096).take("a", policy).isAdmitted);
});

/**
 * Takes from one bucket and from a thousand more, over and over, until nothing was left for long. Posts how many of the
 * one passed.
 */
const hammer = `
import { parentPort, workerData } from "node:worker_threads";
const { BucketTable } = await import(workerData.tableUrl);
const { LimitPolicy } = await import(workerData.policyUrl);
const table = new BucketTable(workerData.region, { now: () => 1000, wall: () => 0 });
const policy = new LimitPolicy("test", { count: 1, perMs: 1000 }, workerData.burst);
const gate = new Int32Array(workerData.gate);
Atomics.add(gate, 0, 1);
Atomics.notify(gate, 0);
while (Atomics.load(gate, 1) === 0) Atomics.wait(gate, 1, 0);
const admitted = workerData.keys.map(() => 0);
for (let round = 0; round < workerData.rounds; round++) workerData.keys.forEach((key, at) => { if (table.take(key, policy).isAdmitted) admitted[at]++; });
parentPort.postMessage(admitted);
`;

test("four threads at one table admit together exactly what one would, for every key", async () => {
  const region = BucketTable.reserve(new SharedMemory(), "test", 1024);
  const gate = new SharedArrayBuffer(8);
  const keys = Array.from({ length: 50 }, (_, at) => `key-${at}`);
  const burst = 700;
  const threads = Array.from(
    { length: 4 },
    () =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(hammer)}`), {
        workerData: {
          region,
          gate,
          keys,
          burst,
          rounds: 1_000,
          tableUrl: new URL("bucket-table.ts", import.meta.url).href,
          policyUrl: new URL("limit-policy.ts", import.meta.url).href,
        },
      }),
  );
  const results = threads.map(
    (thread) => new Promise<number[]>((resolve, reject) => thread.once("message", resolve).once("error", reject)),
  );
  const words = new Int32Array(gate);
  while (Atomics.load(words, 0) < 4) await new Promise((resolve) => setImmediate(resolve));
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  const admitted = await Promise.all(results);
  await Promise.all(threads.map((thread) => thread.terminate()));
  assert.deepEqual(
    keys.map((_, at) => admitted.reduce((sum, one) => sum + one[at]!, 0)),
    keys.map(() => burst),
  );
});

test("instances that tell each other once a second admit together at the rate of one, on average", () => {
  const policy = new LimitPolicy("test", { count: 50, perMs: 1_000 }, 100);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.infiniteStream(fc.nat(9)), (instances, stream) => {
      const clock = new ManualClock();
      const tables = Array.from(
        { length: instances },
        () => new BucketTable(BucketTable.reserve(new SharedMemory(), "test", 1_024), clock, "charged"),
      );
      const seconds = 60;
      let total = 0;
      for (let second = 0; second < seconds; second++) {
        const admitted = tables.map(() => 0);
        // A flood of ten times the rate, however it is spread.
        for (let count = 0; count < 500; count++) {
          const at = (stream.next().value as number) % instances;
          if (tables[at]!.take("key", policy).isAdmitted) admitted[at]!++;
          clock.advance(2);
        }
        for (const [at, count] of admitted.entries())
          for (const table of tables) if (table !== tables[at]) table.charge("key", count, policy);
        total += admitted.reduce((one, other) => one + other);
      }
      const ideal = 100 + 50 * seconds;
      // Before they hear of each other, each may admit its burst and a second of the rate.
      assert.ok(total <= ideal + (instances - 1) * 150, `${instances} admitted ${total} of ${ideal}`);
      assert.ok(total >= ideal * 0.8 - instances * 50, `${instances} admitted only ${total} of ${ideal}`);
    }),
    { numRuns: 30 },
  );
});

test("what others admit beyond the burst is waited for, for a minute at most", () => {
  const clock = new ManualClock();
  const policy = new LimitPolicy("test", { count: 1, perMs: 1_000 }, 10);
  const table = new BucketTable(BucketTable.reserve(new SharedMemory(), "test", 1_024), clock, "charged");
  table.charge("key", 15, policy);
  assert.equal(table.take("key", policy).isAdmitted, false);
  clock.advance(6_000);
  assert.equal(table.take("key", policy).isAdmitted, true);
  table.charge("key", 1_000_000_000, policy);
  clock.advance(59_000);
  assert.equal(table.take("key", policy).isAdmitted, false);
  clock.advance(2_100);
  assert.equal(table.take("key", policy).isAdmitted, true);
});
