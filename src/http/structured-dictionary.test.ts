import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStructuredDictionary } from "./structured-dictionary.ts";

test("members are read, and their parameters are forgotten", () => {
  const text =
    'a, b=1;x=2;y, c="q\\"\\\\";z="1", d=tok/en:x, e=?0, f=-12.345, g=:YQ==:, h=("a" b;q=1 2);r, i=@12, *k._-1=?1';
  assert.deepEqual(
    [...parseStructuredDictionary(text)!],
    [
      ["a", { type: "boolean", value: true }],
      ["b", { type: "integer", value: 1 }],
      ["c", { type: "string", value: 'q"\\' }],
      ["d", { type: "token", value: "tok/en:x" }],
      ["e", { type: "boolean", value: false }],
      ["f", { type: "decimal" }],
      ["g", { type: "bytes" }],
      ["h", { type: "list" }],
      ["i", { type: "date" }],
      ["*k._-1", { type: "boolean", value: true }],
    ],
  );
});

test("of a key that comes again the last value counts", () => {
  assert.deepEqual(parseStructuredDictionary("a=1, a=2")!.get("a"), { type: "integer", value: 2 });
});

test("nothing is a dictionary without members", () => {
  assert.equal(parseStructuredDictionary("")!.size, 0);
});

test("one error makes all of it malformed", () => {
  for (const text of [
    "a,",
    ",a",
    "a,,b",
    "A=1",
    "1=a",
    "a =1",
    "a= 1",
    "a=",
    "a=1, &&&&&",
    'a="',
    'a="\\a"',
    'a="é"',
    "a=?2",
    "a=:*:",
    "a=1.",
    "a=1.2345",
    "a=1234567890123456",
    "a=1 b",
    "a=(1",
    'a=("x""y")',
    "a=1;",
    "a=1;B",
    "a=--1",
    "a b",
  ])
    assert.equal(parseStructuredDictionary(text), null, text);
});

test("nothing makes the reader throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab=1?:@%"\\(); ,\t*.-é') }), (text) => {
      parseStructuredDictionary(text);
    }),
  );
});
