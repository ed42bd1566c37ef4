import assert from "node:assert/strict";
import { test } from "node:test";
import { readMemoryBytes } from "../../net/bare-socket.ts";
import { CopyBlock } from "./copy-block.ts";

test("copies stay as they are beside each other, whatever becomes of the original", () => {
  const block = new CopyBlock();
  const memory = Buffer.from("one");
  const first = block.copy(memory);
  memory.write("two");
  const second = block.copy(memory);
  memory.fill("!");
  assert.deepEqual([first.toString(), second.toString()], ["one", "two"]);
  block.settle(false);
});

test("a block serves again once its copies are given back, for any connection, and never before", () => {
  const one = new CopyBlock();
  const other = new CopyBlock();
  const kept = one.copy(Buffer.from("kept"));
  one.settle(false);
  const lent = one.copy(Buffer.from("lent"));
  assert.notEqual(lent.buffer, kept.buffer);
  assert.notEqual(other.copy(Buffer.from("too")).buffer, lent.buffer, "it is not given back yet");
  other.settle(false);
  one.settle(true);
  assert.equal(other.copy(Buffer.from("next")).buffer, lent.buffer);
  assert.equal(kept.toString(), "kept");
  other.settle(true);
});

test("settling nothing does nothing; more than a read brings is copied elsewhere", () => {
  const block = new CopyBlock();
  block.settle(true);
  const most = block.copy(Buffer.alloc(readMemoryBytes, "a"));
  const more = block.copy(Buffer.from("more"));
  assert.notEqual(more.buffer, most.buffer);
  assert.equal(more.toString(), "more");
  assert.equal(most.toString("latin1"), "a".repeat(readMemoryBytes));
  block.settle(true);
});
