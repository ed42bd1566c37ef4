import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { QueryPace } from "./pace.ts";

test("some questions follow at once; then they come at a fixed rate, and after a quiet time at once again", () => {
  const clock = new ManualClock();
  const pace = new QueryPace(clock);
  assert.deepEqual([pace.take(), pace.take(), pace.take()], [0, 0, 0]);
  for (let round = 0; round < 20; round++) {
    const waitMs = pace.take();
    assert.equal(waitMs, 500);
    clock.advance(waitMs);
  }
  clock.advance(60_000);
  assert.deepEqual([pace.take(), pace.take(), pace.take()], [0, 0, 0]);
  assert.equal(pace.take(), 500);
});
