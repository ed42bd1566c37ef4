import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "./shared-memory.ts";

test("the same key is the same memory, here and behind a snapshot", () => {
  const control = new SharedMemory();
  new Int32Array(control.region("a", 64))[3] = 7;
  const thread = new SharedMemory(control.snapshot());
  assert.equal(new Int32Array(thread.region("a", 64))[3], 7);
  new Int32Array(thread.region("a", 64))[4] = 8;
  assert.equal(new Int32Array(control.region("a", 64))[4], 8);
});

test("a key names one layout", () => {
  const memory = new SharedMemory();
  memory.region("a", 64);
  assert.throws(() => memory.region("a", 128), RangeError);
});

test("adopting keeps what is known, pruning forgets the rest", () => {
  const control = new SharedMemory();
  control.region("old", 8);
  const thread = new SharedMemory(control.snapshot());
  const old = thread.region("old", 8);
  control.region("new", 8);
  thread.adopt(control.snapshot());
  assert.equal(thread.region("old", 8), old);
  assert.equal(thread.region("new", 8), control.region("new", 8));
  control.prune((key) => key === "new");
  assert.deepEqual([...control.snapshot().keys()], ["new"]);
});
