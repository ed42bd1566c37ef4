import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JoinedBytes } from "./joined-bytes.ts";

test("pieces come out in order, whatever was consumed in between, and what came out before stays as it is", () => {
  const step = fc.record({
    piece: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    consumed: fc.nat(60),
    isCleared: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const joined = new JoinedBytes();
      let bytes = Buffer.alloc(0);
      const given: [bytes: Buffer, text: string][] = [];
      for (const { piece, consumed, isCleared } of steps) {
        const expected = `${bytes.toString("hex")}${Buffer.from(piece).toString("hex")}`;
        bytes = joined.join(bytes, Buffer.from(piece)) as Buffer<ArrayBuffer>;
        assert.equal(bytes.toString("hex"), expected);
        given.push([bytes, expected]);
        bytes = bytes.subarray(Math.min(consumed, bytes.length));
        if (isCleared) joined.clear();
      }
      for (const [before, text] of given) assert.equal(before.toString("hex"), text);
    }),
    { seed: 1 },
  );
});

test("a byte at a time, memory is taken a few times, and is not much more than the bytes", () => {
  const joined = new JoinedBytes();
  const stores = new Set<ArrayBufferLike>();
  let bytes: Buffer = Buffer.from("a");
  for (let count = 1; count < 10_000; count++) {
    bytes = joined.join(bytes, Buffer.from("b"));
    stores.add(bytes.buffer);
  }
  assert.equal(bytes.toString(), `a${"b".repeat(9_999)}`);
  assert.ok(stores.size < 25, `${stores.size} times`);
  assert.ok(bytes.buffer.byteLength < 16_000);
});
