import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { createRegion, SharedMemory } from "../../base/shared-memory.ts";
import type { Purge, PurgeableAnswer, PurgeVerdict } from "./purge.ts";
import { PurgeLog } from "./purge-log.ts";

const smallBytes = 64 + 16_384;

const of = (kind: Purge["kind"], value = "", isSoft = false): Purge => ({ kind, value, isSoft });
const answer = (purgeSequence = 0, tags: string[] = ["news", "sport"]): PurgeableAnswer => ({
  url: "https://example.com/a/b?c=d",
  tags,
  purgeSequence,
});

test("numbers count from 1, and every window on the log sees them", () => {
  const memory = new SharedMemory();
  PurgeLog.reserve(memory);
  const log = PurgeLog.open(memory);
  const other = PurgeLog.open(new SharedMemory(memory.snapshot()));
  assert.equal(other.sequence, 0);
  assert.equal(log.append(of("all")), 1);
  assert.equal(log.append(of("tag", "x")), 2);
  assert.deepEqual([log.sequence, other.sequence], [2, 2]);
});

for (const [purge, expected] of [
  [of("url", "https://example.com/a/b?c=d"), "gone"],
  [of("url", "https://example.com/a/b?c=d", true), "soft"],
  [of("url", "https://example.com/a/b"), "valid"],
  [of("url", "https://example.com/a/b?c=de"), "valid"],
  [of("prefix", "https://example.com/a/"), "gone"],
  [of("prefix", "https://example.com/a/", true), "soft"],
  [of("prefix", "https://example.com/a/b?c=d"), "gone"],
  [of("prefix", "https://example.com/a/b?c=de"), "valid"],
  [of("prefix", "https://example.com/b"), "valid"],
  // It is no pattern.
  [of("prefix", "https://example.com/.*"), "valid"],
  [of("prefix", ""), "gone"],
  [of("tag", "sport"), "gone"],
  [of("tag", "sport", true), "soft"],
  [of("tag", "spor"), "valid"],
  [of("tag", "Sport"), "valid"],
  [of("tag", "s.*"), "valid"],
  [of("all"), "gone"],
  [of("all", "", true), "soft"],
] as const satisfies readonly (readonly [Purge, PurgeVerdict])[]) {
  test(`a ${purge.isSoft ? "soft " : ""}purge of ${purge.kind} ${JSON.stringify(purge.value)} makes it ${expected}`, () => {
    const log = PurgeLog.openRegion(createRegion(smallBytes));
    log.append(purge);
    assert.equal(log.judgeFound(answer(0), 0), expected);
    assert.equal(log.judgeDraft(answer(0)), expected);
    assert.equal(log.judgeFound(answer(1), 0), "valid");
    assert.equal(log.judgeFound(answer(0), 1), "valid");
    assert.equal(log.judgeDraft(answer(1)), "valid");
  });
}

test("tags are compared byte for byte, whatever they hold", () => {
  for (const tag of ["a,b", "\0", "\xe4\xff", "__proto__", "constructor", " ", "x".repeat(8_192)]) {
    const log = PurgeLog.openRegion(createRegion(smallBytes));
    log.append(of("tag", tag));
    assert.equal(log.judgeFound(answer(0, [tag]), 0), "gone");
    assert.equal(log.judgeFound(answer(0, [`${tag} `]), 0), "valid");
  }
});

test("a hard purge wins over a soft one, in either order", () => {
  for (const order of [
    [true, false],
    [false, true],
  ]) {
    const log = PurgeLog.openRegion(createRegion(smallBytes));
    for (const isSoft of order) log.append(of("tag", "news", isSoft));
    assert.equal(log.judgeFound(answer(0), 0), "gone");
  }
});

test("a full log takes no more until the stores are through, and then forgets the oldest", () => {
  const region = createRegion(smallBytes);
  const log = PurgeLog.openRegion(region);
  const late = PurgeLog.openRegion(region);
  let last = 0;
  for (let next = log.append(of("tag", "tag-1")); next !== 0; next = log.append(of("tag", `tag-${last + 1}`)))
    last = next;
  assert.ok(last > 400, `${last}`);
  assert.equal(log.sequence, last);
  assert.equal(log.judgeDraft(answer(0, [])), "valid");

  log.setFloor(10);
  assert.equal(log.floor, 10);
  assert.equal(log.append(of("tag", "more")), last + 1);
  // What gave way is taken to concern a draft; what was found is known to be valid up to the floor.
  assert.equal(log.judgeDraft(answer(0, [])), "gone");
  assert.equal(log.judgeDraft(answer(1, [])), "valid");
  assert.equal(log.judgeFound(answer(0, []), log.floor), "valid");
  assert.equal(log.judgeFound(answer(0, ["more"]), log.floor), "gone");
  assert.equal(log.judgeFound(answer(0, ["tag-11"]), log.floor), "gone");
  assert.equal(late.judgeDraft(answer(0, [])), "gone");
  assert.equal(late.judgeDraft(answer(1, ["tag-2"])), "gone");
});

test("the floor only rises", () => {
  const log = PurgeLog.openRegion(createRegion(smallBytes));
  log.append(of("all"));
  log.append(of("all"));
  log.setFloor(2);
  log.setFloor(1);
  assert.equal(log.floor, 2);
});

test("a value that is too long is refused", () => {
  const log = PurgeLog.openRegion(createRegion(smallBytes));
  assert.throws(() => log.append(of("tag", "x".repeat(8_193))), RangeError);
  assert.equal(log.sequence, 0);
});

test("after any purges, every window judges as a list of all purges would", () => {
  const word = fc.constantFrom("a", "b", "https://h/a", "https://h/ab", "https://h/", "x".repeat(3_000));
  const step = fc.record({
    kind: fc.constantFrom("url", "prefix", "tag", "all") as fc.Arbitrary<Purge["kind"]>,
    value: word,
    isSoft: fc.boolean(),
    reads: fc.boolean(),
    sweeps: fc.integer({ min: 0, max: 20 }),
  });
  const asked = fc.array(
    fc.record({ url: word, tags: fc.array(word, { maxLength: 3 }), age: fc.integer({ min: 0, max: 30 }) }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), asked, (steps, questions) => {
      const region = createRegion(smallBytes);
      const writer = PurgeLog.openRegion(region);
      const reader = PurgeLog.openRegion(region);
      const all: Purge[] = [];
      for (const { reads, sweeps, ...purge } of steps) {
        const given = purge.kind === "all" ? { ...purge, value: "" } : purge;
        if (writer.append(given) === 0) {
          writer.setFloor(writer.floor + sweeps);
          continue;
        }
        all.push(given);
        if (reads) reader.judgeDraft(answer(0));
      }
      const { floor } = reader;
      for (const { url, tags, age } of questions) {
        const one = { url, tags, purgeSequence: Math.max(0, all.length - age) };
        for (const log of [writer, reader, PurgeLog.openRegion(region)]) {
          assert.equal(log.judgeFound(one, floor), expected(all, one, Math.max(one.purgeSequence, floor)));
          const verdict = log.judgeDraft(one);
          if (verdict !== "gone") assert.equal(verdict, expected(all, one, one.purgeSequence));
          else if (one.purgeSequence >= floor) assert.equal(expected(all, one, one.purgeSequence), "gone");
        }
      }
    }),
    { numRuns: 300 },
  );
});

function expected(all: readonly Purge[], { url, tags }: PurgeableAnswer, base: number): PurgeVerdict {
  const matching = all
    .slice(base)
    .filter(
      ({ kind, value }) =>
        kind === "all" ||
        (kind === "url" && value === url) ||
        (kind === "prefix" && url.startsWith(value)) ||
        (kind === "tag" && tags.includes(value)),
    );
  if (matching.length === 0) return "valid";
  return matching.some(({ isSoft }) => !isSoft) ? "gone" : "soft";
}

/**
 * Asks again and again, in a ring that is overwritten all the time, and says what was never to be: a tag that is purged
 * with every number is always gone from what is older, and one that never is stays.
 */
const reading = `
import { parentPort, workerData } from "node:worker_threads";
const { PurgeLog } = await import(workerData.url);
const log = PurgeLog.openRegion(workerData.region);
parentPort.postMessage("ready");
const findings = [];
let asked = 0;
for (let sequence = 0; sequence < workerData.last && findings.length < 5; asked++) {
  const { floor } = log;
  const one = { url: "https://h/never", tags: ["never"], purgeSequence: 0 };
  // If the ring has turned over since the floor was read, nobody can know.
  if (log.judgeFound(one, floor) !== "valid" && log.floor === floor) findings.push("what was never purged is gone");
  const before = log.sequence;
  if (before < sequence) findings.push(before + " after " + sequence);
  sequence = before;
  if (before > floor && log.judgeFound({ url: "https://h/" + "x".repeat(before % 500) + before, tags: [], purgeSequence: 0 }, floor) !== "gone")
    findings.push("number " + before + " is not seen");
}
parentPort.postMessage({ findings, asked });
`;

test("threads that read while the ring is overwritten see every purge, and none that there was not", async () => {
  const region = createRegion(smallBytes);
  const log = PurgeLog.openRegion(region);
  const last = 60_000;
  const threads = Array.from(
    { length: 3 },
    () =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(reading)}`), {
        workerData: { region, last, url: new URL("purge-log.ts", import.meta.url).href },
      }),
  );
  const messages = threads.map((thread) => {
    const { promise: ready, resolve: becomeReady } = Promise.withResolvers<void>();
    const { promise: result, resolve, reject } = Promise.withResolvers<{ findings: string[]; asked: number }>();
    thread.on("error", reject);
    thread.on("message", (message: "ready" | { findings: string[]; asked: number }) => {
      if (message === "ready") becomeReady();
      else resolve(message);
    });
    return { ready, result };
  });
  await Promise.all(messages.map(({ ready }) => ready));
  for (let next = 1; next <= last; ) {
    const value = `https://h/${"x".repeat(next % 500)}${next}`;
    if (log.append(of("url", value)) !== 0) next++;
    else log.setFloor(log.sequence - 3);
    if (next % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { result } of messages) assert.deepEqual((await result).findings, []);
  await Promise.all(threads.map((thread) => thread.terminate()));
});
