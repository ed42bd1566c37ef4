import assert from "node:assert/strict";
import { test } from "node:test";
import { type Outcome, percentile, type Timeline, toOutcome } from "./outcome.ts";
import { judge } from "./verdicts.ts";

const timeline: Timeline = {
  before: { fromMs: 0, toMs: 100 },
  during: { fromMs: 100, toMs: 300 },
  settled: { fromMs: 200, toMs: 300 },
  after: { fromMs: 320, toMs: 400 },
};
const none = { attempts: 0, retries: 0, takenOut: 0 };

for (const [values, share, expected] of [
  [[], 0.99, null],
  [[5], 0.99, 5],
  [[3, 1, 2], 0.5, 2],
  [Array.from({ length: 100 }, (_, at) => at + 1), 0.99, 99],
  [Array.from({ length: 200 }, (_, at) => 200 - at), 0.99, 198],
] as const) {
  test(`the percentile ${share} of ${values.length} values is ${expected}`, () =>
    assert.equal(percentile(values, share), expected));
}

test("errors are told by kind and counted from the first to the last moment, latencies by span", () => {
  const records = [
    { startMs: 10, durationMs: 4, kind: "ok" },
    { startMs: 150, durationMs: 90, kind: "503" },
    { startMs: 250, durationMs: 7, kind: "ok" },
    { startMs: 310, durationMs: 8, kind: "503" },
    { startMs: 350, durationMs: 2, kind: "reset" },
    { startMs: 500, durationMs: 1, kind: "refused" },
  ];
  const outcome = toOutcome(
    records,
    timeline,
    [
      { attempts: 10, retries: 1, takenOut: 2 },
      { attempts: 17, retries: 3, takenOut: 2 },
    ],
    1.5,
  );
  assert.deepEqual(outcome, {
    requests: 5,
    errors: { 503: 2, reset: 1 },
    errorCount: 3,
    attempts: 7,
    retries: 2,
    takenOut: 0,
    attemptsPerRequest: 1.5,
    p99: { before: 4, during: 90, settled: 7, after: 2 },
    errorP99: 90,
    lastErrorAfter: 0.03,
  });
});

test("promises are judged by what was measured, and only if it was", () => {
  const good = toOutcome(
    [
      { startMs: 50, durationMs: 10, kind: "ok" },
      { startMs: 250, durationMs: 15, kind: "ok" },
    ],
    timeline,
    [none, none],
    1,
  );
  const keptBy = (name: string, outcome: Outcome): boolean[] =>
    judge(new Map([[name, outcome]])).map(({ isKept }) => isKept);
  assert.deepEqual(judge(new Map()), []);
  assert.deepEqual(keptBy("kill", good), [true]);
  assert.deepEqual(keptBy("kill", { ...good, errorCount: 1 }), [false]);
  assert.deepEqual(keptBy("freeze", good), [true]);
  assert.deepEqual(keptBy("freeze", { ...good, p99: { ...good.p99, settled: 20 } }), [false]);
  assert.deepEqual(keptBy("freeze", { ...good, p99: { ...good.p99, settled: null } }), [false]);
  assert.deepEqual(keptBy("503", { ...good, errorP99: 250, attemptsPerRequest: 1.3, lastErrorAfter: 8 }), [
    true,
    true,
    true,
  ]);
  assert.deepEqual(keptBy("503", { ...good, errorP99: 251, attemptsPerRequest: 1.31, lastErrorAfter: 8.1 }), [
    false,
    false,
    false,
  ]);
  assert.deepEqual(keptBy("outage", { ...good, attemptsPerRequest: null }), [false, false, true]);
});
