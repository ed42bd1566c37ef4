import assert from "node:assert/strict";
import { test } from "node:test";
import { maxRecordBytes, ReadBuffer } from "./read-buffer.ts";

function sizesOf(buffer: ReadBuffer): number[] {
  const sizes: number[] = [];
  for (let size = buffer.take()?.length; size !== undefined; size = buffer.take()?.length) {
    sizes.push(size);
    buffer.noteRead(size);
  }
  return sizes;
}

test("it begins small and grows while reads fill it", () => {
  assert.deepEqual(sizesOf(new ReadBuffer()), [4_096, 16_384, 65_536, 262_144]);
  assert.deepEqual(sizesOf(new ReadBuffer(maxRecordBytes)), [4_096, 16_384]);
});

test("a read that does not fill it is followed by one into the same memory", () => {
  const buffer = new ReadBuffer();
  assert.equal(buffer.take()?.length, 4_096);
  buffer.noteRead(4_095);
  assert.equal(buffer.take(), undefined);
});

test("memory that is still in use is given away", () => {
  const buffer = new ReadBuffer();
  const first = buffer.take();
  buffer.surrender();
  const next = buffer.take();
  assert.equal(next?.length, 4_096);
  assert.notEqual(next?.buffer, first?.buffer);
});
