import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonStreamError, JsonValues } from "./json-values.ts";

const values = [{ a: 'with "quotes" and } and \\' }, [1, [2, {}]], { ä: "é{[\u{1f600}" }, {}];

for (const [name, text] of [
  ["without anything between them", values.map((value) => JSON.stringify(value)).join("")],
  ["on lines, with blank ones", values.map((value) => `\r\n\n${JSON.stringify(value, null, 1)}\n`).join("\n")],
] as const)
  test(`values ${name} are read, whatever the chunks`, () => {
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new JsonValues();
      const found: unknown[] = [];
      for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size)));
      assert.deepEqual(found, values, `chunks of ${size}`);
      assert.equal(reader.isWithin, false);
    }
  });

test("a value that is not complete is seen", () => {
  const reader = new JsonValues();
  assert.deepEqual(reader.push(Buffer.from('{"a":"}')), []);
  assert.equal(reader.isWithin, true);
});

for (const text of ["nonsense", '"text"', "5", "}", '{"a":}', "[1}", "<html>", '{} {"a" 1}'])
  test(`${text} is nonsense, and so is all that follows`, () => {
    const reader = new JsonValues();
    assert.throws(() => reader.push(Buffer.from(text)), JsonStreamError);
    assert.throws(() => reader.push(Buffer.from("{}")), JsonStreamError);
  });

test("a value is bounded, over chunks and in one", () => {
  const reader = new JsonValues(64);
  assert.equal(reader.push(Buffer.from(JSON.stringify(["x".repeat(60)]))).length, 1);
  assert.equal(reader.push(Buffer.from(`["${"x".repeat(40)}`)).length, 0);
  assert.throws(() => reader.push(Buffer.from(`${"x".repeat(40)}"]`)), /larger than 64 bytes/);
  assert.throws(() => new JsonValues(64).push(Buffer.from(JSON.stringify(["x".repeat(90)]))), /larger than 64 bytes/);
});
