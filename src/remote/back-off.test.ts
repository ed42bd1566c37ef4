import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../base/random.ts";
import { BackOff } from "./back-off.ts";

test("pauses are random from the first on, grow with each failure, and are bounded", () => {
  const highest = new BackOff({ firstMs: 100, longestMs: 1_000, leastMs: 10, random: () => 0.999_999 });
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => highest.next()),
    [99, 199, 399, 799, 999, 999],
  );
  assert.equal(highest.failures, 6);
  highest.reset();
  assert.equal(highest.next(), 99);
  const lowest = new BackOff({ firstMs: 100, leastMs: 10, random: () => 0 });
  assert.deepEqual([lowest.next(), lowest.next()], [10, 10], "a service that refuses at once is not asked in a loop");
  const random = seededRandom(1);
  const firsts = new Set([1, 2, 3, 4, 5, 6].map(() => new BackOff({ random }).next()));
  assert.ok(firsts.size > 4, "instances that lose a service together do not come back together");
});

test("a service that is away for days does not overflow the pause", () => {
  const backOff = new BackOff({ random: () => 0.5 });
  for (let tries = 0; tries < 5_000; tries++) backOff.next();
  assert.ok(backOff.next() <= 30_000);
});
