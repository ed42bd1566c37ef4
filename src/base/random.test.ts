import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "./random.ts";

test("one seed gives one series, another seed another", () => {
  const series = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 5 }, () => random());
  };
  assert.deepEqual(series(1), series(1));
  assert.notDeepEqual(series(1), series(2));
});

test("numbers lie in [0, 1) and average one half", () => {
  const random = seededRandom(7);
  let sum = 0;
  for (let index = 0; index < 10_000; index++) {
    const value = random();
    assert.ok(value >= 0 && value < 1);
    sum += value;
  }
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.015);
});
