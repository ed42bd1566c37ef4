import assert from "node:assert/strict";
import { test } from "node:test";
import { formatListenAddress, isHostName, type ListenAddress, parseListenAddress } from "./listen-address.ts";

const addresses: [text: string, address: ListenAddress, written: string][] = [
  [":8080", { kind: "tcp", host: null, port: 8080 }, ":8080"],
  ["*:8080", { kind: "tcp", host: null, port: 8080 }, ":8080"],
  ["127.0.0.1:0", { kind: "tcp", host: "127.0.0.1", port: 0 }, "127.0.0.1:0"],
  ["LocalHost:80", { kind: "tcp", host: "localhost", port: 80 }, "localhost:80"],
  ["[::1]:443", { kind: "tcp", host: "::1", port: 443 }, "[::1]:443"],
  ["[FE80::1%eth0]:443", { kind: "tcp", host: "fe80::1%eth0", port: 443 }, "[fe80::1%eth0]:443"],
  ["unix:/run/m.sock", { kind: "unix", path: "/run/m.sock", mode: 0o660 }, "unix:/run/m.sock"],
  ["unix:m.sock", { kind: "unix", path: "m.sock", mode: 0o660 }, "unix:m.sock"],
  ["fd:3", { kind: "fd", fd: 3 }, "fd:3"],
  ["fd:web", { kind: "fd", fd: "web" }, "fd:web"],
  ["fd:millrace.socket", { kind: "fd", fd: "millrace.socket" }, "fd:millrace.socket"],
];

test("addresses are read and written", () => {
  for (const [text, address, written] of addresses) {
    assert.deepEqual(parseListenAddress(text), address, text);
    assert.equal(formatListenAddress(address), written);
    assert.deepEqual(parseListenAddress(written), address, written);
  }
});

test("what is no address is refused, and the sentence says what to write", () => {
  const wrong: [text: string, sentence: RegExp][] = [
    ["8080", /write ":8080"/],
    ["localhost", /port is missing, as in "localhost:8080"/],
    ["10.0.0.1", /port is missing/],
    ["::1", /in brackets/],
    ["[::1]", /not an address/],
    ["[10.0.0.1]:80", /no valid IPv6/],
    [":99999", /no valid port/],
    [":", /no valid port/],
    [":-1", /no valid port/],
    [":80a", /no valid port/],
    ["http://localhost:80", /is a URL/],
    ["999.0.0.1:80", /no valid host/],
    ["a b:80", /no valid host/],
    ["-x:80", /no valid host/],
    ["", /not an address/],
    ["unix:", /names no socket/],
    ["unix:/run/", /names no socket/],
    ["unix:///run/x", /write "unix:\/run\/x"/],
    [`unix:/${"x".repeat(107)}`, /too long/],
    ["fd:2", /inherited socket/],
    ["fd:3x", /inherited socket/],
    ["fd:a:b", /inherited socket/],
    ["fd:", /inherited socket/],
  ];
  for (const [text, sentence] of wrong)
    assert.throws(
      () => parseListenAddress(text),
      (error) => error instanceof RangeError && sentence.test(error.message),
      text,
    );
});

test("host names are ASCII labels", () => {
  for (const name of [
    "a",
    "api.internal",
    "my_service",
    "xn--mnchen-3ya.de",
    "a-b.c.",
    "1password.com",
    "x".repeat(63),
  ])
    assert.ok(isHostName(name), name);
  for (const name of ["", ".", "a..b", "-a", "a b", "ü", "x".repeat(64), `${"a.".repeat(127)}aa`, "a/b", "a:1", "a@b"])
    assert.ok(!isHostName(name), name);
});
