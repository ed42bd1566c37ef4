import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedDirectory, writeSnapshot } from "./shared-directory.ts";
import { createRegion, SharedMemory, wordsOf } from "./shared-memory.ts";

test("the same key is the same memory, here and behind a snapshot", () => {
  const control = new SharedMemory();
  wordsOf(control.region("a", 64))[3] = 7;
  const thread = new SharedMemory(control.snapshot());
  assert.equal(wordsOf(thread.region("a", 64))[3], 7);
  wordsOf(thread.region("a", 64))[4] = 8;
  assert.equal(wordsOf(control.region("a", 64))[4], 8);
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
  assert.deepEqual(
    [thread.region("old", 8).buffer === old.buffer, thread.region("old", 8).byteOffset],
    [true, old.byteOffset],
  );
  assert.equal(thread.region("new", 8).buffer, control.region("new", 8).buffer);
  assert.equal(thread.region("new", 8).byteOffset, control.region("new", 8).byteOffset);
  control.forget(["old"]);
  assert.deepEqual(control.keys, ["new"]);
});

test("regions do not overlap, begin on cache lines, and start as zeros, whatever their sizes", () => {
  const memory = new SharedMemory();
  const sizes = Array.from({ length: 2_000 }, (_, at) => (at % 97 === 0 ? 200_000 : 4 + (at % 50) * 20));
  const regions = sizes.map((bytes, at) => memory.region(String(at), bytes));
  for (const [at, region] of regions.entries()) {
    const words = wordsOf(region);
    assert.equal(region.byteOffset % 64, 0);
    assert.ok(words.every((word) => word === 0));
    words.fill(at + 1);
  }
  for (const [at, region] of regions.entries())
    assert.ok(
      wordsOf(region).every((word) => word === at + 1),
      `region ${at}`,
    );
  const thread = new SharedMemory(memory.snapshot());
  for (const [at, bytes] of sizes.entries()) assert.equal(wordsOf(thread.region(String(at), bytes))[0], at + 1);
});

test("many regions are few buffers, and those of forgotten keys are let go", () => {
  const memory = new SharedMemory();
  memory.region("kept", 256);
  for (let round = 0; round < 100; round++) {
    for (let at = 0; at < 1_000; at++) memory.region(`${round}/${at}`, 256);
    memory.forget(memory.keys.filter((key) => key !== "kept" && !key.startsWith(`${round}/`)));
    assert.ok(memory.snapshot().buffers.length <= 10, `${memory.snapshot().buffers.length} slabs for 1,001 regions`);
  }
});

test("a key that is made again is other memory: whoever holds the old region does not write into it", () => {
  const control = new SharedMemory();
  const old = control.region("a", 64);
  const thread = new SharedMemory(control.snapshot());
  const held = thread.region("a", 64);
  control.forget(control.keys);
  const made = control.region("a", 64);
  thread.adopt(control.snapshot());
  for (const region of [old, held]) wordsOf(region).fill(1);
  assert.ok(wordsOf(made).every((word) => word === 0));
  assert.ok(wordsOf(thread.region("a", 64)).every((word) => word === 0));
});

test("a part of the directory is taken beside what is there, and keys are dropped", () => {
  const control = new SharedMemory();
  for (const key of ["a", "b", "c"]) control.region(key, 64);
  const thread = new SharedMemory(control.snapshot());
  const kept = thread.region("a", 64);
  wordsOf(control.region("d", 64))[0] = 4;
  control.forget(["b", "nothing"]);
  const again = control.region("b", 64);
  thread.extend(control.snapshot(["b", "d"]), ["c"]);
  assert.equal(thread.region("a", 64), kept);
  assert.equal(wordsOf(thread.region("d", 64))[0], 4);
  wordsOf(thread.region("b", 64))[0] = 2;
  assert.equal(wordsOf(again)[0], 2, "the newer place of a key that was made again");
  control.forget(["c"]);
  wordsOf(control.region("c", 64))[0] = 3;
  assert.equal(wordsOf(thread.region("c", 64))[0], 0, "what was dropped is not found any more");
  thread.extend(control.snapshot(["c"]), []);
  assert.equal(wordsOf(thread.region("c", 64))[0], 3);
});

test("a key is found among many, and only itself", () => {
  const control = new SharedMemory();
  const keys = Array.from({ length: 5_000 }, (_, at) => `${"k".repeat(at % 7)}${at}`);
  for (const [at, key] of keys.entries()) wordsOf(control.region(key, 64))[0] = at + 1;
  const directory = new SharedDirectory(control.snapshot());
  for (const [at, key] of keys.entries()) assert.equal(wordsOf(directory.find(key)!)[0], at + 1);
  for (const key of ["", "k", "none", `${keys[0]}${keys[1]}`]) assert.equal(directory.find(key), null);
  assert.equal(new SharedDirectory(new SharedMemory().snapshot()).find("k"), null);
});

test("a region of more than 4 GiB is found as large as it is", () => {
  const { buffer } = createRegion(64);
  const place = { buffer, byteOffset: 64 * 2 ** 30, byteLength: 8 * 2 ** 30 + 64 };
  assert.deepEqual(new SharedDirectory(writeSnapshot([["large", place]])).find("large"), place);
});
