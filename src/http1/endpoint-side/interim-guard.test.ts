/** Interim answers by the thousand, on time that moves by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bodyBytesPerInterim,
  InterimGuard,
  maxInterimBurst,
  maxInterimBytes,
  maxInterimRate,
  maxInterimWaitMs,
} from "./interim-guard.ts";

/** How many of `count` are let through, the first of them at 1,000 ms. */
function passed(count: number, step: { headBytes?: number; afterMs?: number; bodyBytes?: number }): number {
  const guard = new InterimGuard();
  for (let at = 0; at < count; at++) {
    const problem = guard.take(step.headBytes ?? 50, 1_000 + at * (step.afterMs ?? 0), at * (step.bodyBytes ?? 0));
    if (problem !== null) return at;
  }
  return count;
}

const table: [string, number, Parameters<typeof passed>[1], number][] = [
  ["one a second for ten hours", 36_000, { afterMs: 1_000 }, 36_000],
  ["as many a second as may be", 50_000, { afterMs: 1_000 / maxInterimRate }, 50_000],
  ["a few at once", maxInterimBurst, {}, maxInterimBurst],
  ["a flood", 1_000, {}, maxInterimBurst],
  ["ten times as many a second as may be", 1_000, { afterMs: 100 / maxInterimRate }, 284],
  ["one after each piece of an upload, however fast", 50_000, { bodyBytes: bodyBytesPerInterim }, 50_000],
  ["one after each byte of an upload", 1_000, { bodyBytes: 1 }, maxInterimBurst],
  ["large ones, slowly", 1_000, { headBytes: 60_000, afterMs: 1_000 }, Math.floor(maxInterimBytes / 60_000)],
];

for (const [name, count, step, expected] of table) {
  test(`${name}: ${expected} of ${count} pass`, () => assert.equal(passed(count, step), expected));
}

test("what one answer was preceded by says nothing of the next", () => {
  const guard = new InterimGuard();
  for (let answer = 0; answer < 5; answer++) {
    for (let at = 0; at < maxInterimBurst; at++) assert.equal(guard.take(10_000, 1_000, 0), null);
    guard.reset();
  }
});

test("each starts the wait for the head again, up to a bound that counts from the last byte of the request", () => {
  const guard = new InterimGuard();
  guard.take(50, 0, 10);
  assert.equal(guard.waitMs(0, 0, 10), 0, "no limit stays no limit");
  assert.equal(guard.waitMs(60_000, 0, 10), 60_000);
  assert.equal(guard.waitMs(60_000, maxInterimWaitMs - 1_000, 10), 1_000);
  assert.equal(guard.waitMs(60_000, maxInterimWaitMs, 10), 1);
  assert.equal(guard.waitMs(60_000, maxInterimWaitMs, 11), 60_000, "more of the request has been sent");
  guard.reset();
  guard.take(50, maxInterimWaitMs, 11);
  assert.equal(guard.waitMs(60_000, 2 * maxInterimWaitMs - 1, 11), 60_000, "another answer is waited for");
});

test("a longer wait than the bound is not shortened by it", () => {
  const guard = new InterimGuard();
  guard.take(50, 0, 0);
  assert.equal(guard.waitMs(2 * maxInterimWaitMs, 0, 0), 2 * maxInterimWaitMs);
});
