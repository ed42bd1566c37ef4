import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegion } from "./shared-memory.ts";
import { SlidingCounts } from "./sliding-counts.ts";

const shape = { slots: 10, slotMs: 1_000, counters: 2 };

const open = (stripes: number): SlidingCounts[] => {
  const region = createRegion(SlidingCounts.byteLength(shape, stripes));
  return Array.from({ length: stripes }, (_, stripe) => new SlidingCounts(region, shape, stripe, stripes));
};

test("counts of all threads are summed, each counter by itself", () => {
  const [one, other] = open(2) as [SlidingCounts, SlidingCounts];
  one.add(0, 5_000);
  other.add(0, 5_500);
  other.add(1, 5_500);
  assert.deepEqual([one.sum(0, 5_600), other.sum(0, 5_600), one.sum(1, 5_600)], [2, 2, 1]);
});

test("what is older than the window no longer counts, also if nothing came since", () => {
  const [counts] = open(1) as [SlidingCounts];
  counts.add(0, 5_000);
  counts.add(0, 9_000);
  assert.equal(counts.sum(0, 14_999), 2);
  assert.equal(counts.sum(0, 15_000), 1);
  assert.equal(counts.sum(0, 19_000), 0);
  counts.add(0, 15_000);
  assert.equal(counts.sum(0, 15_000), 2, "the slot that was used again holds only what is new");
});

test("what is taken back does not count, in the slot where it was counted; what is no longer there is left alone", () => {
  const [one, other] = open(2) as [SlidingCounts, SlidingCounts];
  one.add(0, 5_000);
  other.add(0, 5_000);
  one.add(0, 9_000);
  one.takeBack(0, 5_000);
  assert.deepEqual([one.sum(0, 9_000), one.sum(0, 15_000)], [2, 1]);
  one.add(0, 15_000);
  one.takeBack(0, 5_000);
  assert.equal(one.sum(0, 15_000), 2);
});

test("a sum may begin later than the window", () => {
  const [counts] = open(1) as [SlidingCounts];
  counts.add(0, 5_900);
  counts.add(0, 6_100);
  counts.add(0, 7_000);
  assert.equal(counts.sum(0, 7_500, 5_950), 2, "only whole slots after it");
  assert.equal(counts.sum(0, 7_500, 7_000), 1);
});
