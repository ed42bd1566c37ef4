import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock, systemClock } from "./clock.ts";
import { sharedClock } from "./shared-clock.ts";
import { SharedMemory } from "./shared-memory.ts";
import { SteadyClock } from "./steady-clock.ts";

test("it is the time of day, and goes on with monotonic time when the machine's clock is set", () => {
  let wallMs = 1_700_000_000_000;
  let nowMs = 50;
  const steady = SteadyClock.from({ now: () => nowMs, wall: () => wallMs });
  assert.equal(steady.nowMs(), 1_700_000_000_000);
  nowMs += 1_000;
  wallMs -= 86_400_000;
  assert.equal(steady.nowMs(), 1_700_000_001_000);
});

test("a second look at the region finds the offset of the first", () => {
  const memory = new SharedMemory();
  SteadyClock.reserve(memory, sharedClock);
  const before = SteadyClock.open(memory, systemClock).nowMs();
  SteadyClock.reserve(memory, { now: () => sharedClock.now(), wall: () => 0 });
  const steady = SteadyClock.open(memory, systemClock);
  assert.ok(steady.nowMs() >= before);
  assert.ok(Math.abs(steady.nowMs() - Date.now()) < 60_000);
});

test("two threads' clocks agree: the clock of a thread is put on the scale of all", () => {
  const memory = new SharedMemory();
  SteadyClock.reserve(memory);
  const one = SteadyClock.open(memory, systemClock);
  const two = SteadyClock.open(new SharedMemory(memory.snapshot()), systemClock);
  assert.ok(Math.abs(one.nowMs() - two.nowMs()) < 1_000);
});

test("a time that lies ahead is now; one that has been stays", () => {
  const clock = new ManualClock(0, 1_000);
  const steady = SteadyClock.from(clock);
  assert.equal(steady.clampToPast(5_000), 1_000);
  assert.equal(steady.clampToPast(400), 400);
});
