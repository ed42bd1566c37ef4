import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAuthority } from "./authority.ts";

test("a valid authority gives its host", () => {
  const table: [string, string][] = [
    ["example.com", "example.com"],
    ["EXAMPLE.Com", "example.com"],
    ["example.com:80", "example.com"],
    ["Example.com.:65535", "example.com"],
    ["example.com.", "example.com"],
    ["example.com:", "example.com"],
    ["localhost:0", "localhost"],
    ["my_service-1~x", "my_service-1~x"],
    ["127.0.0.1:8080", "127.0.0.1"],
    ["[::1]", "[::1]"],
    ["[2001:DB8::1]:443", "[2001:db8::1]"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["__proto__", "__proto__"],
    ["a".repeat(255), "a".repeat(255)],
  ];
  for (const [authority, host] of table) assert.equal(parseAuthority(authority), host, authority);
});

test("a malformed authority is refused", () => {
  const table = [
    "",
    ".",
    "..",
    ".a",
    "a..b",
    "a..",
    ":80",
    "a,b",
    "a b",
    " a",
    "a ",
    "u@h",
    "u:p@h",
    "h/x",
    "h?x",
    "h#x",
    "h\\x",
    "h:80x",
    "h:-1",
    "h:+1",
    "h: 80",
    "h:65536",
    "h:000080",
    "h:80:80",
    "[::1",
    "::1",
    "[::1]x",
    "[::1]:x",
    "[::1]:65536",
    "[]",
    "[1.2.3.4]",
    "[fe80::1%25eth0]",
    "[v1.x]",
    "[::1]]",
    "<x>",
    "a;b",
    "a%41",
    "a\u00e9",
    "\u0141",
    "a\u0000",
    "a\r\nb",
    "a\t",
    "*",
    "a'b",
    'a"b',
    "a|b",
    "a".repeat(256),
  ];
  for (const authority of table) assert.equal(parseAuthority(authority), null, JSON.stringify(authority));
});

test("a host is its own authority, whatever was sent", () => {
  const label = fc.string({ minLength: 1, maxLength: 10, unit: fc.constantFrom(..."abcXYZ019-_~") });
  const authority = fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.constantFrom("", ".", ":1", ".:80", ":"))
    .map(([labels, tail]) => labels.join(".") + tail);
  fc.assert(
    fc.property(authority, (text) => {
      const host = parseAuthority(text);
      assert.equal(host, text.replace(/\.?(:\d*)?$/, "").toLowerCase());
      assert.equal(parseAuthority(host ?? ""), host);
    }),
  );
});

const anyCharacter = fc.integer({ min: 0, max: 0x1ff }).map((code) => String.fromCharCode(code));

test("a character outside the host's alphabet is never accepted", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 5, unit: anyCharacter }), anyCharacter, (before, odd) => {
      fc.pre(/[^A-Za-z0-9._~:\-[\]]/.test(odd));
      assert.equal(parseAuthority(`h${before}${odd}`), null);
    }),
  );
});
