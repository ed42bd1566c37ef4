import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findJsonMistake } from "./json-syntax.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("the first character that cannot stand there is found", () => {
  for (const [text, at] of [
    ["", 0],
    ["{", 1],
    ["[1,]", 3],
    ['{"a":1,}', 7],
    ["{a:1}", 1],
    ["{'a':1}", 1],
    ["[1 2]", 3],
    ["1 2", 2],
    ["# c", 0],
    ["[01]", 1],
    ["[.5]", 1],
    ['"a\nb"', 0],
    ['["\\x"]', 1],
    ["nul", 0],
    ["[1]]", 3],
    ['{"a" 1}', 5],
  ] as const) {
    assert.equal(findJsonMistake(text), at, text);
    assert.ok(!isJson(text), text);
  }
});

test("what is JSON to the language is JSON here", () => {
  fc.assert(fc.property(fc.json(), (text) => findJsonMistake(text) === null));
  for (const text of [' {"a" : [1, -0.5e+3, true, null, "\\u00e9\\/"] }\n', "0", '""', "\ufeff{}"])
    assert.equal(findJsonMistake(text), null, text);
});

test("damaged JSON is judged as the language judges it", () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom("", ",", "]", "}", '"', "0", "-", ".", "e", ":", "\\", " ", "x"),
      (text, position, put) => {
        const at = position % (text.length + 1);
        const damaged = text.slice(0, at) + put + text.slice(at + (position % 2));
        return (findJsonMistake(damaged) === null) === isJson(damaged);
      },
    ),
    { numRuns: 1_000 },
  );
});
