import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../../base/shared-memory.ts";
import { InvalidationMarks } from "./invalidation-marks.ts";

test("what one thread invalidates, all see, and next to no other key", () => {
  const memory = new SharedMemory();
  InvalidationMarks.reserve(memory);
  const here = InvalidationMarks.open(memory);
  const there = InvalidationMarks.open(new SharedMemory(memory.snapshot()));
  const others = Array.from({ length: 100 }, (_, at) => `key ${at}`);
  const before = there.of("key");
  const othersBefore = others.map((key) => there.of(key));
  here.raise("key");
  assert.notEqual(there.of("key"), before);
  const raised = others.filter((key, at) => there.of(key) !== othersBefore[at]).length;
  assert.ok(raised <= 3, `${raised} of 100 other keys`);
});

test("many that are invalidated cost few fetches of other keys their place", () => {
  const memory = new SharedMemory();
  InvalidationMarks.reserve(memory);
  const marks = InvalidationMarks.open(memory);
  for (let at = 0; at < 1_000; at++) marks.raise(`key ${at}`);
  const met = Array.from({ length: 1_000 }, (_, at) => marks.of(`other ${at}`)).filter((count) => count > 0).length;
  // 15 by the odds; 217 with 4,096 counters.
  assert.ok(met < 60, `${met} of 1000 other keys`);
});

test("a second reservation keeps the marks", () => {
  const memory = new SharedMemory();
  InvalidationMarks.reserve(memory);
  InvalidationMarks.open(memory).raise("key");
  InvalidationMarks.reserve(memory);
  assert.equal(InvalidationMarks.open(memory).of("key"), 1);
});
