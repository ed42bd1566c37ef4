import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldBytes } from "./held-bytes.ts";
import { HeldMemory } from "./held-memory.ts";
import { createRegion } from "./shared-memory.ts";

const createHeld = (maxBytes = 16_000_000): HeldMemory =>
  new HeldMemory(createRegion(HeldMemory.byteLength(1)), 0, maxBytes);

const piecesOf = (bytes: HeldBytes): Buffer[] =>
  Array.from({ length: bytes.pieceCount }, (_, index) => bytes.pieceAt(index));
const textOf = (bytes: HeldBytes): string => Buffer.concat(piecesOf(bytes)).toString("latin1");

test("tiny chunks cost their bytes, not the buffers they came in", () => {
  const held = createHeld();
  const bytes = new HeldBytes(held, { maxBytes: 1_000_000, firstBlockBytes: 1_024 });
  const large = Buffer.alloc(65_536, "x");
  for (let count = 0; count < 20_000; count++) assert.equal(bytes.append(large.subarray(count, count + 1)), 1);
  assert.deepEqual([bytes.byteLength, textOf(bytes).length], [20_000, 20_000]);
  const allocated = piecesOf(bytes).reduce((sum, piece) => sum + piece.buffer.byteLength, 0);
  assert.ok(allocated < 50_000);
  assert.equal(held.total, allocated);
  bytes.clear();
  assert.deepEqual([held.total, bytes.byteLength, bytes.pieceCount], [0, 0, 0]);
});

test("a piece that was given does not change with what is kept behind it", () => {
  const bytes = new HeldBytes(createHeld(), { maxBytes: 100, firstBlockBytes: 16 });
  bytes.append(Buffer.from("abc"));
  const piece = bytes.pieceAt(0);
  bytes.append(Buffer.from("def"));
  assert.deepEqual([piece.toString(), textOf(bytes)], ["abc", "abcdef"]);
});

test("no more is kept than its own limit and that of all threads allow, unless it must not be lost", () => {
  const own = new HeldBytes(createHeld(), { maxBytes: 5, firstBlockBytes: 16 });
  assert.deepEqual([own.append(Buffer.from("abcdefg")), own.append(Buffer.from("h")), textOf(own)], [5, 0, "abcde"]);
  const held = createHeld(40);
  const all = new HeldBytes(held, { maxBytes: 1_000, firstBlockBytes: 16 });
  assert.equal(all.append(Buffer.alloc(100, "a")), 32);
  assert.equal(held.total, 32);
  all.appendAnyway(Buffer.alloc(100, "b"));
  assert.equal(textOf(all), "a".repeat(32) + "b".repeat(100));
  assert.ok(held.total >= 132 && held.total < 264, `${held.total}`);
  all.clear();
  assert.equal(held.total, 0);
});
