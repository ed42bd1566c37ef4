import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { RestartDelay } from "./restart-delay.ts";

test("threads that die young are replaced ever later, up to 10 s", () => {
  const clock = new ManualClock();
  const delay = new RestartDelay(clock);
  const delays = Array.from({ length: 10 }, () => {
    delay.start();
    clock.advance(4_999);
    return delay.afterDeath();
  });
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});

test("a thread that lived for a while is replaced at once", () => {
  const clock = new ManualClock();
  const delay = new RestartDelay(clock);
  for (let death = 0; death < 3; death++) {
    delay.start();
    delay.afterDeath();
  }
  delay.start();
  clock.advance(5_000);
  assert.equal(delay.afterDeath(), 0);
});
