import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { test } from "node:test";
import { type AccessNeed, type AdminToken, decideAccess, isLoopbackAddress, isLoopbackHost } from "./admin-access.ts";

const tokens: AdminToken[] = [
  { token: "reader-token", role: "read" },
  { token: "writer-token", role: "write" },
];
const basic = (password: string): string => `Basic ${Buffer.from(`anyone:${password}`).toString("base64")}`;

interface Row {
  readonly need: AccessNeed;
  readonly headers?: IncomingHttpHeaders;
  readonly from?: string | null;
  readonly at?: string | null;
  readonly tokens?: readonly AdminToken[];
  /** The status of the refusal, or null. */
  readonly expected: number | null;
}

const local = { host: "localhost:9901" };
const rows: [string, Row][] = [
  ["reading on loopback", { need: "read", expected: null }],
  ["changing on loopback", { need: "write", expected: null }],
  ["a probe on loopback", { need: "probe", expected: null }],
  ["a rebound name on loopback", { need: "read", headers: { host: "evil.example:9901" }, expected: 421 }],
  ["a rebound name on loopback, even for a probe", { need: "probe", headers: { host: "evil.example" }, expected: 421 }],
  ["no Host on loopback", { need: "read", headers: {}, expected: 421 }],
  [
    "a rebound name with a good token",
    { need: "write", headers: { host: "evil.example", authorization: "Bearer writer-token" }, tokens, expected: 421 },
  ],
  [
    "a page of another site that changes",
    { need: "write", headers: { ...local, origin: "http://evil.example" }, expected: 403 },
  ],
  ["a sandboxed page that changes", { need: "write", headers: { ...local, origin: "null" }, expected: 403 }],
  [
    "another port's page that changes",
    { need: "write", headers: { ...local, origin: "http://localhost:3000" }, expected: 403 },
  ],
  [
    "another site's form without Origin",
    { need: "write", headers: { ...local, "sec-fetch-site": "cross-site" }, expected: 403 },
  ],
  [
    "a same-site page that changes",
    { need: "write", headers: { ...local, "sec-fetch-site": "same-site" }, expected: 403 },
  ],
  [
    "our own page that changes",
    {
      need: "write",
      headers: { ...local, origin: "http://localhost:9901", "sec-fetch-site": "same-origin" },
      expected: null,
    },
  ],
  [
    "another site's page with the browser's stored password",
    {
      need: "write",
      headers: { ...local, origin: "https://evil.example", authorization: basic("writer-token") },
      tokens,
      expected: 403,
    },
  ],
  ["reading through a proxy", { need: "read", headers: { ...local, via: "1.1 millrace" }, expected: 403 }],
  ["changing through a proxy", { need: "write", headers: { ...local, "x-forwarded-for": "192.0.2.1" }, expected: 403 }],
  [
    "reading through a proxy with a token",
    {
      need: "read",
      headers: { ...local, forwarded: "for=192.0.2.1", authorization: "Bearer reader-token" },
      tokens,
      expected: null,
    },
  ],
  ["a probe through a proxy", { need: "probe", headers: { ...local, via: "1.1 x" }, expected: null }],
  [
    "reading from elsewhere",
    { need: "read", headers: { host: "proxy.internal:9901" }, from: "192.0.2.1", at: "192.0.2.9", expected: null },
  ],
  [
    "changing from elsewhere",
    { need: "write", headers: { host: "proxy.internal:9901" }, from: "192.0.2.1", at: "192.0.2.9", expected: 403 },
  ],
  [
    "changing from elsewhere with a Host that lies",
    { need: "write", from: "192.0.2.1", at: "192.0.2.9", expected: 403 },
  ],
  [
    "changing from elsewhere with a token",
    {
      need: "write",
      headers: { host: "proxy.internal", authorization: "Bearer writer-token" },
      from: "192.0.2.1",
      at: "192.0.2.9",
      tokens,
      expected: null,
    },
  ],
  [
    "reading from elsewhere without the token",
    { need: "read", headers: { host: "proxy.internal" }, from: "192.0.2.1", at: "192.0.2.9", tokens, expected: 401 },
  ],
  [
    "a probe from elsewhere without the token",
    { need: "probe", headers: { host: "10.0.0.1" }, from: "192.0.2.1", at: "192.0.2.9", tokens, expected: null },
  ],
  ["reading on loopback without the token", { need: "read", tokens, expected: 401 }],
  [
    "a token that may read, reading",
    { need: "read", headers: { ...local, authorization: "bearer reader-token" }, tokens, expected: null },
  ],
  [
    "a token that may read, changing",
    { need: "write", headers: { ...local, authorization: "Bearer reader-token" }, tokens, expected: 403 },
  ],
  [
    "a token that may write, reading",
    { need: "read", headers: { ...local, authorization: basic("writer-token") }, tokens, expected: null },
  ],
  [
    "a token that may write, changing",
    { need: "write", headers: { ...local, authorization: basic("writer-token") }, tokens, expected: null },
  ],
  [
    "a wrong token",
    { need: "read", headers: { ...local, authorization: "Bearer writer-toke" }, tokens, expected: 401 },
  ],
  ["an empty token", { need: "read", headers: { ...local, authorization: "Bearer " }, tokens, expected: 401 }],
  [
    "an unknown scheme",
    { need: "read", headers: { ...local, authorization: "Digest writer-token" }, tokens, expected: 401 },
  ],
  [
    "a password without a name",
    {
      need: "read",
      headers: { ...local, authorization: `Basic ${Buffer.from("writer-token").toString("base64")}` },
      tokens,
      expected: 401,
    },
  ],
  [
    "changing on a Unix socket, whatever the Host",
    { need: "write", headers: { host: "anything" }, from: null, at: null, expected: null },
  ],
  [
    "changing on a Unix socket through a proxy",
    { need: "write", headers: { host: "x", via: "1.1 x" }, from: null, at: null, expected: 403 },
  ],
  [
    "reading on a Unix socket without the token",
    { need: "read", headers: { host: "x" }, from: null, at: null, tokens, expected: 401 },
  ],
];

for (const [name, row] of rows) {
  test(`${name}: ${row.expected ?? "allowed"}`, () => {
    const refusal = decideAccess(
      {
        need: row.need,
        headers: row.headers ?? local,
        peerAddress: row.from === undefined ? "127.0.0.1" : row.from,
        localAddress: row.at === undefined ? "127.0.0.1" : row.at,
      },
      row.tokens ?? [],
    );
    assert.equal(refusal?.status ?? null, row.expected);
  });
}

test("loopback addresses and hosts are recognised, and nothing else", () => {
  for (const address of ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
    assert.ok(isLoopbackAddress(address), address);
  for (const address of ["128.0.0.1", "10.0.0.1", "::2", "::ffff:10.0.0.1", "127.0.0.1.evil.example", ""])
    assert.ok(!isLoopbackAddress(address), address);
  for (const host of [
    "localhost",
    "LocalHost:80",
    "a.localhost:1",
    "127.0.0.1:9901",
    "[::1]:9901",
    "[::1]",
    "localhost.",
  ])
    assert.ok(isLoopbackHost(host), host);
  for (const host of [
    undefined,
    "",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "notlocalhost",
    "localhost:80:80",
    "[::2]",
    "0.0.0.0",
    "localhost@evil",
    "127.0.0.1,evil",
  ])
    assert.ok(!isLoopbackHost(host), String(host));
});
