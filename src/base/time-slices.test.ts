import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "./clock.ts";
import { TimeSlices } from "./time-slices.ts";

test("work goes on within a slice, and pauses for a turn of the event loop at its end", async () => {
  const clock = new ManualClock();
  const slices = new TimeSlices(10, clock);
  assert.equal(slices.pause(), null);
  clock.advance(9.9);
  assert.equal(slices.pause(), null);
  clock.advance(0.1);
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  await slices.pause();
  assert.ok(hasTurned);
  assert.equal(slices.pause(), null, "the next slice has begun");
});
