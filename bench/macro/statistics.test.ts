import assert from "node:assert/strict";
import { test } from "node:test";
import { median, medianDifference, medianRatio } from "./statistics.ts";

test("the median is the middle value, and no order of the input changes it", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 100]), 10);
  assert.ok(Number.isNaN(median([])));
});

test("ratios are taken round by round, so a slow phase of the machine cancels out", () => {
  // The machine is three times slower in the last two rounds; the ratio is 2 in every round.
  assert.equal(medianRatio([20, 60, 60], [10, 30, 30]), 2);
  assert.equal(medianRatio([20, 22, 60], [10, 11, 30]), 2);
});

test("differences are taken round by round", () => {
  assert.equal(medianDifference([12, 32, 13], [10, 30, 11]), 2);
});

test("a side that was not measured gives no number", () => {
  assert.ok(Number.isNaN(medianRatio([], [1])));
});
