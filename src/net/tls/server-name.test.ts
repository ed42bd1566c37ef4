import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizeServerName } from "./server-name.ts";

const long = `${"a".repeat(63)}.`.repeat(3);

const names: readonly [given: string, expected: string | null][] = [
  ["example.com", "example.com"],
  ["EXAMPLE.com", "example.com"],
  ["example.com.", "example.com"],
  ["localhost", "localhost"],
  ["xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["a_b.example", "a_b.example"],
  ["_acme.example", "_acme.example"],
  ["123.example", "123.example"],
  [`${long}${"a".repeat(61)}`, `${long}${"a".repeat(61)}`],
  [`${long}${"a".repeat(62)}`, null],
  [`${"a".repeat(64)}.example`, null],
  ["", null],
  [".", null],
  ["example.com..", null],
  [".example.com", null],
  ["a..b", null],
  ["-a.example", null],
  ["a-.example", null],
  ["*.example", null],
  ["exa mple.com", null],
  ["example.com\0.evil", null],
  ["bücher.example", null],
  // Lower-casing would make a "k" of the Kelvin sign.
  ["\u212a.example", null],
  ["example.com:443", null],
  ["192.0.2.1", null],
  ["192.0.2.1.", null],
  ["2001:db8::1", null],
  ["[::1]", null],
];

for (const [given, expected] of names) {
  test(`the name ${JSON.stringify(given.slice(0, 80))} is ${expected === null ? "none" : "one"}`, () => {
    assert.equal(normalizeServerName(given), expected);
  });
}
