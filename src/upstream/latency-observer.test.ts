import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import type { AttemptOutcome } from "./attempt-observer.ts";
import type { Endpoint } from "./endpoint.ts";
import { LatencyAverage } from "./latency-average.ts";
import { LatencyObserver } from "./latency-observer.ts";

const cases: [
  what: string,
  beforeMs: number,
  outcome: AttemptOutcome,
  status: number,
  firstByteMs: number,
  afterMs: number,
][] = [
  ["an answer is a sample", 0, "answered", 200, 3, 3],
  ["a slower answer counts at once", 3, "answered", 404, 40, 40],
  ["the first byte counts, not how the rest went", 3, "reset", 200, 40, 40],
  ["an answer that the client did not wait for, too", 3, "cancelled", 200, 40, 40],
  ["a client that left before it tells nothing", 3, "cancelled", 0, -1, 3],
  ["a fast error is no fast answer", 8, "answered", 503, 1, 8],
  ["nor is it from an endpoint of which nothing is known", 0, "answered", 500, 1, 10],
  ["a slow error is slow", 8, "answered", 500, 90, 90],
  ["a refusal doubles what was expected", 8, "connect", 0, -1, 16],
  ["and if nothing was known", 0, "connect", 0, -1, 20],
  ["so does a reset before the answer", 8, "reset", 0, -1, 16],
  ["and a timeout, within limits", 50_000, "timeout", 0, -1, 60_000],
];

for (const [what, beforeMs, outcome, status, firstByteMs, afterMs] of cases) {
  test(what, () => {
    const clock = new ManualClock();
    const latency = new LatencyAverage(new Float64Array(2));
    if (beforeMs > 0) latency.observe(beforeMs, clock.now());
    const endpoint = { state: { latency } } as Endpoint;
    const observer = new LatencyObserver(clock);
    observer.onAttemptStart();
    observer.onAttemptEnd(endpoint, outcome, status, firstByteMs);
    assert.equal(latency.at(clock.now()), afterMs);
  });
}
