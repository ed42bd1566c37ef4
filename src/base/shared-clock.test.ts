import assert from "node:assert/strict";
import { test } from "node:test";
import { findStart } from "./shared-clock.ts";

test("a thread that is interrupted while it looks at both clocks does not go by that look", () => {
  for (const interrupted of [0, 1, 2, 15]) {
    let nowMs = 50_000;
    let looks = 0;
    /** Each look takes a microsecond; the machine may do something else for half a second before it. */
    const look = (): number => (nowMs += looks++ === interrupted ? 500 : 0.001);
    const startedMs = findStart(look, () => look() - 40_000);
    assert.ok(Math.abs(startedMs - 40_000) < 0.001, `${startedMs} where look ${interrupted} is late`);
  }
});
