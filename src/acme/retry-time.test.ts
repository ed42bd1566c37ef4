import assert from "node:assert/strict";
import { test } from "node:test";
import { decideRetryDelay } from "./retry-time.ts";

const minuteMs = 60_000;
const delay = (count: number, retryAfterMs: number | null = null, remainingMs: number | null = null): number =>
  decideRetryDelay({ count, retryAfterMs, remainingMs, random: () => 0.5 }) / minuteMs;

test("tries become rare, and no rarer than every six hours", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((count) => delay(count)),
    [1, 2, 5, 15, 60, 180, 360, 360, 360],
  );
});

test("they are spread by a fifth to both sides", () => {
  const at = (value: number): number =>
    decideRetryDelay({ count: 1, retryAfterMs: null, remainingMs: null, random: () => value });
  assert.deepEqual([at(0), at(1)].map(Math.round), [48_000, 72_000]);
});

test("the authority may ask for more time, and not for less", () => {
  assert.equal(delay(1, 30 * minuteMs), 30);
  assert.equal(delay(7, minuteMs), 360);
});

test("a certificate that expires soon has a tenth of what it has left, and a minute at least", () => {
  assert.equal(delay(9, null, 100 * minuteMs), 10);
  assert.equal(delay(9, null, -minuteMs), 1);
});
