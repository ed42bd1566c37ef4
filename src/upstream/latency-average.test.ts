import assert from "node:assert/strict";
import { test } from "node:test";
import { LatencyAverage, latencyDecayMs } from "./latency-average.ts";

const open = (): LatencyAverage => new LatencyAverage(new Float64Array(2));
const isNear = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} instead of ${expected}`);

test("nothing measured is 0, and a measured zero is not nothing", () => {
  const latency = open();
  assert.equal(latency.at(5), 0);
  latency.observe(0, 5);
  assert.ok(latency.at(5) > 0);
});

test("a slower sample counts at once, a faster one by the time that has passed", () => {
  const latency = open();
  latency.observe(10, 1_000);
  latency.observe(80, 1_000);
  isNear(latency.at(1_000), 80);
  latency.observe(10, 1_000);
  isNear(latency.at(1_000), 80);
  latency.observe(10, 1_000 + latencyDecayMs);
  isNear(latency.at(1_000 + latencyDecayMs), 80 * Math.exp(-1) + 10 * (1 - Math.exp(-1)));
});

test("it fades while nothing is measured, and a clock that is read a little late changes nothing", () => {
  const latency = open();
  latency.observe(100, 1_000);
  isNear(latency.at(1_000 + 2 * latencyDecayMs), 100 * Math.exp(-2));
  isNear(latency.at(990), 100);
});

test("a steady stream of samples settles on their value", () => {
  const latency = open();
  latency.observe(900, 0);
  for (let nowMs = 0; nowMs <= 120_000; nowMs += 50) latency.observe(7, nowMs);
  assert.ok(Math.abs(latency.at(120_000) - 7) < 0.1);
});
