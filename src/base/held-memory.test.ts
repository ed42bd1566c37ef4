import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldMemory } from "./held-memory.ts";
import { createRegion, SharedMemory, type SharedRegion } from "./shared-memory.ts";

const open = (): { region: SharedRegion; first: HeldMemory; second: HeldMemory } => {
  const region = createRegion(HeldMemory.byteLength(2));
  return { region, first: new HeldMemory(region, 0, 1_000), second: new HeldMemory(region, 1, 1_000) };
};

test("what all threads hold together is bounded, and what is let go may be held again", () => {
  const { first, second } = open();
  assert.equal(first.take(600), true);
  assert.equal(second.take(401), false);
  assert.equal(second.take(400), true);
  assert.equal(first.take(1), false);
  second.give(400);
  assert.equal(first.take(400), true);
  assert.equal(first.total, 1_000);
});

test("what has come already is counted even beyond the bound", () => {
  const { first, second } = open();
  first.takeAnyway(2_000);
  assert.equal(second.take(1), false);
  first.give(2_000);
  assert.equal(second.take(1), true);
});

test("a dead thread's part is taken out", () => {
  const memory = new SharedMemory();
  const { clearStripe } = HeldMemory.reserve(memory, 2);
  const [first, second] = [HeldMemory.open(memory, 0, 2), HeldMemory.open(memory, 1, 2)];
  first.take(600);
  second.take(300);
  clearStripe?.(0);
  assert.equal(second.total, 300);
});
