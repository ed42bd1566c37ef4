import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import { ConnectionCount } from "./connection-count.ts";

function openTwo(memory = new SharedMemory()): [ConnectionCount, ConnectionCount] {
  return [new ConnectionCount(memory, "web", 0, 2), new ConnectionCount(memory, "web", 1, 2)];
}

test("a limit holds over all threads", () => {
  const [one, other] = openTwo();
  assert.equal(one.enter(2), true);
  assert.equal(other.enter(2), true);
  assert.equal(one.enter(2), false);
  assert.equal(other.enter(2), false);
  assert.equal(one.total, 2);
  other.leave();
  assert.equal(one.enter(2), true);
});

test("0 is no limit", () => {
  const [one] = openTwo();
  for (let count = 0; count < 100; count++) assert.equal(one.enter(0), true);
  assert.equal(one.total, 100);
});

test("a dead thread's connections are taken out, the others' stay", () => {
  const memory = new SharedMemory();
  const [one, other] = openTwo(memory);
  one.enter(0);
  other.enter(0);
  other.enter(0);
  ConnectionCount.reserve(memory, "web", 2).clearStripe?.(1);
  assert.equal(one.total, 1);
  one.leave();
  assert.equal(one.total, 0);
});
