import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { forwardedElement, forwardedNodes } from "./forwarded.ts";

test("the nodes of the hops are listed in order", () => {
  const table: [string, string][] = [
    ["for=192.0.2.1", "192.0.2.1"],
    ["For=192.0.2.1;Proto=http;by=203.0.113.43", "192.0.2.1"],
    ["for=192.0.2.1, for=198.51.100.17", "192.0.2.1, 198.51.100.17"],
    ['for="[2001:db8:cafe::17]:4711"', "[2001:db8:cafe::17]:4711"],
    ['for="192.0.2.1:80";host="a;for=6.6.6.6,for=6.6.6.6"', "192.0.2.1:80"],
    ['for="1.2.3.\\4"', "1.2.3.4"],
    ["for=_hidden, for=unknown", "_hidden, unknown"],
    ["proto=https,for=1.1.1.1 ; host=a", "unknown, 1.1.1.1"],
    ['for="a, 6.6.6.6"', "unknown"],
    ['for=""', "unknown"],
  ];
  for (const [value, expected] of table) assert.equal(forwardedNodes(value), expected, value);
});

test("a malformed value says nothing", () => {
  for (const value of [
    "",
    " ",
    "for",
    "for=",
    "for=[::1]",
    "for=1.2.3.4:80",
    "for=1.1.1.1;",
    "for=1.1.1.1,",
    ",for=1.1.1.1",
    "for=1.1.1.1;;proto=http",
    "for=1.1.1.1 for=2.2.2.2",
    'for="1.1.1.1',
    'for="a"b',
    "for = a",
    "for=a;for=b",
  ]) {
    assert.equal(forwardedNodes(value), null, value);
  }
});

test("what we write, we read", () => {
  const authority = fc.constantFrom("", "h", "h:80", "[::1]:80", "example.com");
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), scheme: fc.constantFrom("http", "https"), authority }),
        { minLength: 1, maxLength: 4 },
      ),
      (hops) => {
        const expected = hops.map(({ address }) => (address.includes(":") ? `[${address}]` : address)).join(", ");
        assert.equal(forwardedNodes(hops.map(forwardedElement).join(", ")), expected);
      },
    ),
  );
});
