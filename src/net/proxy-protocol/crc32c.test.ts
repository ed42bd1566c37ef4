import assert from "node:assert/strict";
import { test } from "node:test";
import { Crc32c } from "./crc32c.ts";

const sumOf = (bytes: Buffer): number => {
  const sum = new Crc32c();
  sum.add(bytes, 0, bytes.length);
  return sum.value;
};

test("the values of RFC 3720 appendix B.4", () => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
  assert.equal(sumOf(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(sumOf(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  assert.equal(sumOf(ascending), 0x46dd794e);
  assert.equal(sumOf(Buffer.from(ascending).reverse()), 0x113fdb5c);
  assert.equal(sumOf(Buffer.from("123456789")), 0xe3069283);
});

test("in parts, it is the same", () => {
  const sum = new Crc32c();
  sum.add(Buffer.from("x12345"), 1, 6);
  sum.add(Buffer.from("6789"), 0, 4);
  assert.equal(sum.value, 0xe3069283);
});
