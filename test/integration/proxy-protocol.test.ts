/** Listeners behind load balancers that send PROXY headers: who the client is then, and what becomes of wrong headers. */
import assert from "node:assert/strict";
import { headerV2, tlv } from "../../src/net/testing/header-bytes.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
const v1 = "PROXY TCP4 192.0.2.7 198.51.100.9 40001 443\r\n";

interface Seen {
  readonly xff: string | null;
}

async function start(harness: Harness, listener: Record<string, unknown>, threads = 0): Promise<ProxyUnderTest> {
  const endpoint = await harness.endpoint((exchange) =>
    exchange.answer({ body: JSON.stringify({ xff: exchange.request.value("x-forwarded-for") }) }),
  );
  return harness.proxy({ threads, endpoints: [endpoint.url], listener });
}

/** What the endpoint saw of a request behind `header`, sent in pieces of `size` bytes. */
async function ask(harness: Harness, header: Buffer | string, size = Infinity): Promise<Seen> {
  const client = await harness.raw();
  const bytes = Buffer.concat([Buffer.from(header as string, "latin1"), Buffer.from(request)]);
  for (let at = 0; at < bytes.length; at += size) {
    client.send(bytes.subarray(at, at + size));
    if (size < bytes.length) await new Promise(setImmediate);
  }
  const answer = await client.response();
  assert.equal(answer.status, 200);
  return JSON.parse(answer.body.toString()) as Seen;
}

const trusting = { proxyProtocol: { trusted: ["127.0.0.0/8"] } };

for (const [title, threads] of modes)
  testWithHarness(`the client is the one that the header names, ${title}`, async (harness) => {
    await start(harness, trusting, threads);
    assert.equal((await ask(harness, v1)).xff, "192.0.2.7");
    assert.equal((await ask(harness, headerV2({ tlvs: [tlv(2, "a.example")] }))).xff, "192.0.2.7");
    assert.equal((await ask(harness, "PROXY TCP6 2001:db8::7 ::1 1 2\r\n")).xff, "2001:db8::7");
    for (const local of ["PROXY UNKNOWN\r\n", headerV2({ command: 0x20 })])
      assert.equal((await ask(harness, local)).xff, "127.0.0.1");
    const [log = []] = await harness.end();
    const told = log
      .filter(({ clientIp }) => clientIp !== "127.0.0.1")
      .map(({ peer, proxied }) => `${String(peer)} by ${String(proxied).replace(/:\d+/, "")}`);
    assert.deepEqual(told.toSorted(), [
      "192.0.2.7:40001 by 127.0.0.1",
      "192.0.2.7:40001 by 127.0.0.1 authority=a.example",
      "2001:db8::7:1 by 127.0.0.1",
    ]);
  });

testWithHarness("a header may come byte by byte", async (harness) => {
  await start(harness, trusting);
  assert.equal((await ask(harness, v1, 1)).xff, "192.0.2.7");
  assert.equal((await ask(harness, headerV2({ tlvs: [tlv(2, "a.example")] }), 1)).xff, "192.0.2.7");
});

testWithHarness("forwarding fields are believed of the address that the header names", async (harness) => {
  const proxy = await start(harness, { ...trusting, trustedProxies: ["192.0.2.0/24"] });
  const fields = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n";
  for (const [header, xff] of [
    [v1, "203.0.113.9, 192.0.2.7"],
    ["PROXY TCP4 198.51.100.1 198.51.100.9 40001 443\r\n", "198.51.100.1"],
    ["PROXY UNKNOWN\r\n", "127.0.0.1"],
  ] as const) {
    const client = await harness.raw(proxy);
    client.send(header + fields);
    assert.equal((JSON.parse((await client.response()).body.toString()) as Seen).xff, xff);
  }
});

testWithHarness("a load balancer that sends no usable header is closed, and counted", async (harness) => {
  const proxy = await start(harness, trusting);
  const wrong = [request, "PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n", headerV2({ tlvs: [tlv(1, "h2", 9)] }).toString("latin1")];
  for (const bytes of wrong) {
    const client = await harness.raw();
    client.send(Buffer.from(bytes, "latin1"));
    await client.untilOver();
    assert.equal(client.received.length, 0);
  }
  // Only a look whether somebody listens.
  const looking = await harness.raw();
  await looking.close();
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_connections_refused_total") === wrong.length,
    "all are counted",
  );
  assert.equal(proxy.messages.filter(({ message }) => /must send a PROXY header first/.test(message)).length, 2);
});

testWithHarness("others need no header, and one of theirs is a malformed request", async (harness) => {
  const proxy = await start(harness, { proxyProtocol: { trusted: ["10.0.0.0/8"] } });
  assert.equal((await ask(harness, "")).xff, "127.0.0.1");
  for (const header of [Buffer.from(v1), headerV2()]) {
    const client = await harness.raw(proxy);
    client.send(Buffer.concat([header, Buffer.from(request)]));
    assert.equal((await client.response()).status, 400);
  }
});

testWithHarness("a header that does not come in time ends the connection", async (harness) => {
  const proxy = await start(harness, { proxyProtocol: { trusted: ["127.0.0.1"], timeout: "100ms" } });
  const client = await harness.raw();
  client.send(v1.slice(0, 20));
  await client.untilOver();
  await eventually(
    () => proxy.messages.some(({ fields }) => fields["problem"] === "PROXY header took too long"),
    "it is told",
  );
});

testWithHarness("a reload changes who must send a header, for connections that come then", async (harness) => {
  const endpoint = await harness.endpoint();
  const options = { endpoints: [endpoint.url], listener: trusting };
  const proxy = await harness.proxy(options);
  const before = await harness.raw();
  before.send(v1.slice(0, 10));
  await eventually(async () => (await proxy.inspect()).connections === 1, "it is open");
  await proxy.reload({ ...options, listener: {} });
  before.send(v1.slice(10) + request);
  assert.equal((await before.response()).status, 200);
  const after = await harness.raw();
  after.send(request);
  assert.equal((await after.response()).status, 200);
});
