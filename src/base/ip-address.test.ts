import assert from "node:assert/strict";
import { isIP, isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { ipVersion, normalizeIp, parseIpv4, parseIpv6 } from "./ip-address.ts";

const words = new Uint32Array(4);

test("addresses have one spelling", () => {
  const table: [string, string | null][] = [
    ["127.0.0.1", "127.0.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8::A", "2001:db8::a"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1::", "1::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::FFFF:0a01:0203", "10.1.2.3"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["fe80::1%eth0", "fe80::1"],
    ["", null],
    ["1.2.3", null],
    ["1.2.3.4.5", null],
    ["01.2.3.4", null],
    ["1.2.3.256", null],
    ["1.2..4", null],
    [".1.2.3", null],
    ["1.2.3.", null],
    [" 1.2.3.4", null],
    ["0x7f.0.0.1", null],
    [":", null],
    [":::", null],
    ["1::2::3", null],
    ["1:2:3:4:5:6:7:8:9", null],
    ["1:2:3:4:5:6:7:8::", null],
    ["::1:2:3:4:5:6:7:8", null],
    ["12345::", null],
    ["1:2:3:4:5:6:7:", null],
    ["::1.2.3", null],
    ["1.2.3.4::", null],
    ["1:2:3:4:5:6:7:1.2.3.4", null],
    ["[::1]", null],
    ["example", null],
  ];
  for (const [text, expected] of table) assert.equal(normalizeIp(text), expected, text);
});

test("the version of an address is what node:net says it is", () => {
  for (const text of [
    ...["1.2.3.4", "01.2.3.4", "1.2.3", "256.1.1.1", "", "a", "::", "::1", "1::2::3", "::ffff:1.2.3.4", "[::1]"],
    ...[
      "fe80::1%eth0",
      "fe80::1%",
      "fe80::1%a_b",
      "fe80::1%a-b.c:d",
      "fe80::1%a%b",
      "%eth0",
      "1.2.3.4%eth0",
      "example",
    ],
  ])
    assert.equal(ipVersion(text), isIP(text), text);
});

test("the parsers accept what node:net accepts and nothing else", () => {
  const piece = fc.constantFrom(
    "0",
    "1",
    "9",
    "25",
    "255",
    "256",
    "00",
    "ffff",
    "F0",
    "12345",
    ":",
    "::",
    ".",
    "g",
    "%",
  );
  const nearly = fc.array(piece, { maxLength: 17 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.oneof(nearly, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      assert.equal(parseIpv4(text) !== -1, isIPv4(text));
      if (!text.includes("%")) assert.equal(parseIpv6(text, words), isIPv6(text));
    }),
    { numRuns: 2_000 },
  );
});

test("a normalised address is stable and means the same", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const once = normalizeIp(text);
      assert.notEqual(once, null);
      assert.equal(normalizeIp(once ?? ""), once);
      if (once?.includes(":")) {
        parseIpv6(text, words);
        const before = [...words];
        parseIpv6(once, words);
        assert.deepEqual([...words], before);
      }
    }),
  );
});

test("part of a string can be parsed in place", () => {
  assert.equal(parseIpv4("x10.0.0.1:80", 1, 9), 0x0a000001);
  assert.equal(parseIpv6("[::1]:80", words, 1, 4), true);
  assert.deepEqual([...words], [0, 0, 0, 1]);
});
