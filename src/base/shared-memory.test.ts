import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "./shared-memory.ts";

test("a key gives the same memory again, and one layout", () => {
  const memory = new SharedMemory();
  assert.equal(memory.region("a", 64), memory.region("a", 64));
  assert.throws(() => memory.region("a", 128), RangeError);
});

test("a snapshot shares the memory", () => {
  const control = new SharedMemory();
  const region = control.region("a", 64);
  assert.equal(new SharedMemory(control.snapshot()).region("a", 64), region);
});

test("pruning forgets what is not kept", () => {
  const memory = new SharedMemory();
  memory.region("a", 64);
  memory.region("b", 64);
  memory.prune((key) => key === "a");
  assert.deepEqual([...memory.snapshot().keys()], ["a"]);
});

test("a directory that adopts a snapshot never keeps memory that the control thread has forgotten and made anew", () => {
  const control = new SharedMemory();
  const thread = new SharedMemory();
  const old = control.region("upstream:a", 64);
  thread.adopt(control.snapshot());
  assert.equal(thread.region("upstream:a", 64), old);
  control.prune(() => false);
  const made = control.region("upstream:a", 64);
  thread.adopt(control.snapshot());
  assert.notEqual(made, old);
  assert.equal(thread.region("upstream:a", 64), made);
});
