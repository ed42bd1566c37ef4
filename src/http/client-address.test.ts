import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maxForwardedHops, parseNode, resolveClient } from "./client-address.ts";

const isTrusted = (address: string): boolean => address.startsWith("10.") || address === "::1";
const resolve = (peerAddress: string, forwardedFor: string | null): string =>
  resolveClient({ peerAddress, forwardedFor, isTrusted });

test("the client is the last hop that is not trusted", () => {
  const table: [string, string | null, string][] = [
    ["192.0.2.1", null, "192.0.2.1"],
    ["192.0.2.1", "198.51.100.1", "192.0.2.1"],
    ["10.0.0.1", null, "10.0.0.1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"],
    ["10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"],
    ["10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"],
    ["10.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
    ["10.0.0.1", "[2001:DB8::1]:4711", "2001:db8::1"],
    ["10.0.0.1", "[2001:db8::1]", "2001:db8::1"],
    ["10.0.0.1", "2001:db8:0::1", "2001:db8::1"],
    ["10.0.0.1", "198.51.100.1, ::ffff:10.0.0.9", "198.51.100.1"],
    ["::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["::1", " 198.51.100.1\t,\t10.1.1.1 ", "198.51.100.1"],
    ["::ffff:192.0.2.1", "198.51.100.1", "192.0.2.1"],
  ];
  for (const [peer, forwardedFor, expected] of table)
    assert.equal(resolve(peer, forwardedFor), expected, `${peer} ${forwardedFor}`);
});

test("Forwarded is read if there is no X-Forwarded-For", () => {
  const table: [string, string | null, string, string][] = [
    ["10.0.0.1", null, 'for=1.1.1.1, for="[2001:db8::1]:80";proto=https, for=10.0.0.2', "2001:db8::1"],
    ["10.0.0.1", "198.51.100.1", "for=1.1.1.1", "198.51.100.1"],
    ["192.0.2.1", null, "for=1.1.1.1", "192.0.2.1"],
    ["10.0.0.1", null, "for=1.1.1.1, proto=http", "10.0.0.1"],
    ["10.0.0.1", null, "for=1.1.1.1;;", "10.0.0.1"],
  ];
  for (const [peerAddress, forwardedFor, forwarded, expected] of table)
    assert.equal(resolveClient({ peerAddress, forwardedFor, forwarded, isTrusted }), expected, forwarded);
});

test("garbage ends the walk", () => {
  for (const garbage of [
    "unknown",
    "_hidden",
    "",
    "1.2.3",
    "localhost",
    "1.2.3.4:port",
    "1.2.3.4:",
    "[::1",
    "[::1]x",
    "[1.2.3.4]",
    "1.2.3.4 5.6.7.8",
    '"1.2.3.4"',
    "999.1.1.1",
    "01.2.3.4",
  ]) {
    assert.equal(resolve("10.0.0.1", `198.51.100.1, ${garbage}`), "10.0.0.1", garbage);
    assert.equal(resolve("10.0.0.1", `198.51.100.1, ${garbage}, 10.0.0.7`), "10.0.0.7", garbage);
    assert.equal(parseNode(garbage), null, garbage);
  }
});

test("a list longer than the limit is not walked to its end", () => {
  const hops = Array.from({ length: maxForwardedHops + 10 }, (_, at) => `10.1.0.${at}`);
  assert.equal(resolve("10.0.0.1", ["198.51.100.1", ...hops].join(", ")), "10.1.0.10");
});

test("what an untrusted peer puts in front never changes the answer", () => {
  const entry = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("unknown", "", "10.0.0.9", "x"));
  fc.assert(
    fc.property(
      fc.array(entry),
      fc.array(fc.constantFrom("10.0.0.2", "::1", "[::1]:80"), { maxLength: 5 }),
      (forged, proxies) => {
        const seen = "198.51.100.1";
        assert.equal(resolve("10.0.0.1", [...forged, seen, ...proxies].join(", ")), seen);
        assert.equal(resolve(seen, [...forged, ...proxies].join(", ")), seen);
      },
    ),
  );
});
