import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegion } from "./shared-memory.ts";
import { SharedCount } from "./shared-count.ts";

test("a limit holds over all threads together, and a dead thread's part is given back", () => {
  const region = createRegion(SharedCount.byteLength(2));
  const [one, other] = [new SharedCount(region, 0), new SharedCount(region, 1)];
  assert.deepEqual([one.enter(3), other.enter(3), other.enter(3), one.enter(3)], [true, true, true, false]);
  assert.deepEqual([one.total, one.own, other.own], [3, 1, 2]);
  one.leave();
  assert.equal(other.enter(3), true);
  SharedCount.clearStripe(region, 1);
  assert.deepEqual([one.total, one.own, other.own], [0, 0, 0]);
  assert.equal(one.enter(0), true, "0 is no limit");
});
