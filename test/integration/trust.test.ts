/**
 * Forwarding fields behind a proxy that is trusted (RFC 7239, DESIGN: client address from right to left). The peer of
 * these tests is 127.0.0.1.
 */
import assert from "node:assert/strict";
import { testOverProtocols } from "../support/harness.ts";
import type { Field } from "../support/wire-reader.ts";

interface Row {
  readonly name: string;
  readonly trusted: readonly string[];
  readonly fields: readonly Field[];
  readonly clientIp: string;
  readonly upstream: Readonly<Record<string, string | null>>;
}

/** Stands for the scheme of the client's own connection. */
const ownScheme = "(its own)";

const rows: Row[] = [
  {
    name: "nobody is trusted",
    trusted: [],
    fields: [
      ["X-Forwarded-For", "1.2.3.4"],
      ["X-Forwarded-Proto", "https"],
      ["X-Real-IP", "1.2.3.4"],
    ],
    clientIp: "127.0.0.1",
    upstream: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": ownScheme, "x-real-ip": null },
  },
  {
    name: "the peer is trusted",
    trusted: ["127.0.0.0/8"],
    fields: [
      ["X-Forwarded-For", "1.2.3.4"],
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-Host", "public.example"],
    ],
    clientIp: "1.2.3.4",
    upstream: {
      "x-forwarded-for": "1.2.3.4, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "public.example",
    },
  },
  {
    name: "the rightmost untrusted address is the client",
    trusted: ["127.0.0.0/8", "10.0.0.0/8"],
    fields: [["X-Forwarded-For", "6.6.6.6, 1.2.3.4, 10.0.0.1"]],
    clientIp: "1.2.3.4",
    upstream: { "x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.0.0.1, 127.0.0.1" },
  },
  {
    name: "several field lines are one list",
    trusted: ["127.0.0.0/8"],
    fields: [
      ["X-Forwarded-For", "6.6.6.6"],
      ["x-forwarded-for", "1.2.3.4"],
    ],
    clientIp: "1.2.3.4",
    upstream: { "x-forwarded-for": "6.6.6.6, 1.2.3.4, 127.0.0.1" },
  },
  {
    name: "garbage stops the walk",
    trusted: ["127.0.0.0/8", "10.0.0.0/8"],
    fields: [["X-Forwarded-For", "1.2.3.4, nonsense, 10.0.0.1"]],
    clientIp: "10.0.0.1",
    upstream: {},
  },
  {
    name: "nothing was forwarded",
    trusted: ["127.0.0.0/8"],
    fields: [],
    clientIp: "127.0.0.1",
    upstream: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": ownScheme, "x-forwarded-host": "a" },
  },
  {
    name: "the peer is trusted with fields of other names",
    trusted: ["127.0.0.0/8"],
    fields: [
      ["Client-IP", "1.2.3.4"],
      ["CF-Connecting-IP", "1.2.3.4"],
      ["X-Host", "public.example"],
    ],
    clientIp: "127.0.0.1",
    upstream: { "client-ip": "1.2.3.4", "cf-connecting-ip": "1.2.3.4", "x-host": "public.example" },
  },
  {
    name: "an address with brackets and port",
    trusted: ["127.0.0.0/8"],
    fields: [["X-Forwarded-For", "[2001:db8::1]:1234"]],
    clientIp: "2001:db8::1",
    upstream: {},
  },
];

for (const row of rows) {
  testOverProtocols(`client address and fields if ${row.name}`, async (harness) => {
    const { client, endpoint } = await harness.trio({ listener: { trustedProxies: row.trusted } });
    assert.equal((await client.ask({ fields: row.fields })).status, 200);
    const [request] = endpoint.requests;
    for (const [name, expected] of Object.entries(row.upstream)) {
      const value = expected === ownScheme ? harness.protocols.client.scheme : expected;
      assert.deepEqual(request?.values(name), value === null ? [] : [value], name);
    }
    const [lines] = await harness.end();
    assert.deepEqual(
      lines!.map(({ clientIp }) => clientIp),
      [row.clientIp],
    );
  });
}

testOverProtocols("a request that has been here before is refused as a loop", async (harness) => {
  const { client, endpoint } = await harness.trio();
  await client.ask();
  const via = endpoint.requests[0]!.value("via");
  assert.equal((await client.ask({ fields: { via: `1.1 other, ${via}` } })).status, 508);
  assert.equal(endpoint.requests.length, 1);
});
