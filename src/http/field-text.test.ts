import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldValue, isFieldValue, isToken, listMembers, removeFields, toLowerAscii, trimOws } from "./field-text.ts";

const section = "Host: a\r\nX-One:1\r\naccept: \t text/html \t\r\nX-ONE: 2\r\nEmpty:\r\n";

test("a field is found by its name in any case, and its lines are joined in order", () => {
  for (const [name, value] of [
    ["host", "a"],
    ["x-one", "1, 2"],
    ["accept", "text/html"],
    ["empty", ""],
    ["absent", null],
    ["x-on", null],
    ["x-one2", null],
  ] as const) {
    assert.equal(fieldValue(section, name), value, name);
  }
});

test("a look-up stops at the empty line that ends a head", () => {
  assert.equal(fieldValue("GET / HTTP/1.1\r\nA: 1\r\n\r\nB: 2\r\n", "b", 16), null);
});

test("names that objects have of their own are ordinary names", () => {
  for (const name of ["__proto__", "constructor", "tostring", "0", "length"]) {
    assert.equal(fieldValue(`${name}: x\r\n`, name), "x");
    assert.equal(fieldValue(section, name), null);
  }
});

test("removal keeps the other lines to the byte", () => {
  assert.equal(
    removeFields(section, (name) => name === "x-one"),
    "Host: a\r\naccept: \t text/html \t\r\nEmpty:\r\n",
  );
  assert.equal(
    removeFields(section, () => false),
    section,
  );
  assert.equal(
    removeFields("", () => true),
    "",
  );
});

test("only ASCII letters are lowered", () => {
  assert.equal(toLowerAscii("HoSt"), "host");
  assert.equal(toLowerAscii("\u0130\u00c4K"), "\u0130\u00c4k");
});

test("white space is SP and HTAB, nothing else", () => {
  assert.equal(trimOws(" \ta b\t "), "a b");
  assert.equal(trimOws("\u00a0a\u000b"), "\u00a0a\u000b");
});

test("tokens and field values", () => {
  for (const [text, token, value] of [
    ["a", true, true],
    ["", false, true],
    ["a b", false, true],
    ["a:b", false, true],
    ["a\r", false, false],
    ["\u0000", false, false],
    ["\u00e9", false, true],
    ["\u0100", false, false],
    ["x_y", true, true],
    ["\u007f", false, false],
  ] as const) {
    assert.equal(isToken(text), token, JSON.stringify(text));
    assert.equal(isFieldValue(text), value, JSON.stringify(text));
  }
});

test("empty members of a list do not count", () => {
  assert.deepEqual(listMembers(" , Close,,\tkeep-alive ,"), ["close", "keep-alive"]);
});

test("several Cookie lines are one cookie string", () => {
  assert.equal(fieldValue("Cookie: a=b\r\ncookie: c=d\r\n", "cookie"), "a=b; c=d");
});
