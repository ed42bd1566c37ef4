/**
 * Forwarding fields behind a proxy that is trusted (RFC 7239, DESIGN: client address from right to left). The peer of
 * these tests is 127.0.0.1.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, ScriptedUpstream } from "../support/scripted-upstream.ts";
import { valuesOf } from "../support/wire-reader.ts";

interface Row {
  readonly name: string;
  readonly trusted: readonly string[];
  readonly fields: readonly string[];
  readonly clientIp: string;
  readonly upstream: Readonly<Record<string, string | null>>;
}

const rows: Row[] = [
  {
    name: "nobody is trusted",
    trusted: [],
    fields: ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Real-IP: 1.2.3.4"],
    clientIp: "127.0.0.1",
    upstream: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-real-ip": null },
  },
  {
    name: "the peer is trusted",
    trusted: ["127.0.0.0/8"],
    fields: ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.example"],
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
    fields: ["X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1"],
    clientIp: "1.2.3.4",
    upstream: { "x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.0.0.1, 127.0.0.1" },
  },
  {
    name: "several field lines are one list",
    trusted: ["127.0.0.0/8"],
    fields: ["X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 1.2.3.4"],
    clientIp: "1.2.3.4",
    upstream: { "x-forwarded-for": "6.6.6.6, 1.2.3.4, 127.0.0.1" },
  },
  {
    name: "garbage stops the walk",
    trusted: ["127.0.0.0/8", "10.0.0.0/8"],
    fields: ["X-Forwarded-For: 1.2.3.4, nonsense, 10.0.0.1"],
    clientIp: "10.0.0.1",
    upstream: {},
  },
  {
    name: "nothing was forwarded",
    trusted: ["127.0.0.0/8"],
    fields: [],
    clientIp: "127.0.0.1",
    upstream: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": "a" },
  },
  {
    name: "the peer is trusted with fields of other names",
    trusted: ["127.0.0.0/8"],
    fields: ["Client-IP: 1.2.3.4", "CF-Connecting-IP: 1.2.3.4", "X-Host: public.example"],
    clientIp: "127.0.0.1",
    upstream: { "client-ip": "1.2.3.4", "cf-connecting-ip": "1.2.3.4", "x-host": "public.example" },
  },
  {
    name: "an address with brackets and port",
    trusted: ["127.0.0.0/8"],
    fields: ["X-Forwarded-For: [2001:db8::1]:1234"],
    clientIp: "2001:db8::1",
    upstream: {},
  },
];

for (const row of rows) {
  test(`client address and fields where ${row.name}`, async () => {
    const upstream = await ScriptedUpstream.start(answerOk);
    const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url], listener: { trustedProxies: row.trusted } });
    const client = await RawClient.connect(proxy.port);
    try {
      client.send(`GET / HTTP/1.1\r\nHost: a\r\n${row.fields.map((line) => `${line}\r\n`).join("")}\r\n`);
      assert.equal((await client.response()).status, 200);
      const [request] = upstream.requests;
      assert.ok(request);
      for (const [name, expected] of Object.entries(row.upstream))
        assert.deepEqual(valuesOf(request, name), expected === null ? [] : [expected], name);
      await client.close();
    } finally {
      client.destroy();
      await upstream.close();
      await proxy.untilEmpty();
      const log = await proxy.close();
      assert.deepEqual(
        log.map(({ clientIp }) => clientIp),
        [row.clientIp],
      );
    }
  });
}

test("a request that has been here before is refused as a loop", async () => {
  const upstream = await ScriptedUpstream.start(answerOk);
  const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url] });
  const client = await RawClient.connect(proxy.port);
  try {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.response();
    const via = valuesOf(upstream.requests[0] ?? { fields: [] }, "via").join(", ");
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 other, ${via}\r\n\r\n`);
    assert.equal((await client.response()).status, 508);
    assert.equal(upstream.requests.length, 1);
  } finally {
    client.destroy();
    await upstream.close();
    await proxy.untilEmpty();
    await proxy.close();
  }
});
