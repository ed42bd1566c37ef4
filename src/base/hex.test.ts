import assert from "node:assert/strict";
import { test } from "node:test";
import { hexValue } from "./hex.ts";

test("exactly the hexadecimal digits have a value", () => {
  for (let code = 0; code < 0x300; code++) {
    const char = String.fromCharCode(code);
    assert.equal(hexValue(code), /[0-9A-Fa-f]/.test(char) ? Number.parseInt(char, 16) : -1, char);
  }
  assert.equal(hexValue(Number.NaN), -1);
});
