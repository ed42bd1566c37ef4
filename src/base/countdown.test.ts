import assert from "node:assert/strict";
import { test } from "node:test";
import { Countdown } from "./countdown.ts";
import { ManualScheduler } from "./scheduler.ts";

test("a countdown is over when its time is up", async () => {
  const scheduler = new ManualScheduler();
  const countdown = new Countdown(scheduler);
  countdown.limit(100);
  scheduler.advance(99);
  assert.equal(countdown.isOver, false);
  scheduler.advance(1);
  assert.equal(countdown.isOver, true);
  await countdown.over;
  assert.equal(scheduler.pendingCount, 0);
});

test("a limit shortens it and never lengthens it", () => {
  const scheduler = new ManualScheduler();
  const countdown = new Countdown(scheduler);
  countdown.limit(100);
  countdown.limit(200);
  countdown.limit(50);
  assert.equal(scheduler.pendingCount, 1);
  scheduler.advance(50);
  assert.equal(countdown.isOver, true);
});

for (const [title, finish] of [
  ["a limit of 0", (one: Countdown) => one.limit(0)],
  ["an end", (one: Countdown) => one.end()],
] as const) {
  test(`${title} makes it over at once and leaves no timer`, async () => {
    const scheduler = new ManualScheduler();
    const countdown = new Countdown(scheduler);
    countdown.limit(100);
    finish(countdown);
    assert.equal(countdown.isOver, true);
    assert.equal(scheduler.pendingCount, 0);
    await countdown.over;
  });
}
