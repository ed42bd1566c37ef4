/** Endpoints that are told of clients by PROXY headers: what they get, and whom a connection serves. */
import assert from "node:assert/strict";
import type { UpstreamConnection } from "../support/scripted-upstream.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import { eventually } from "../support/signal.ts";

/** An endpoint that takes headers of version 1; `headers` has one for each connection. */
async function start(
  harness: Harness,
  rest: { readonly upstream?: object; readonly listener?: Record<string, unknown> } = {},
): Promise<{ upstream: ScriptedUpstream; proxy: ProxyUnderTest; headers: string[] }> {
  const headers: string[] = [];
  const upstream = await harness.scripted({});
  upstream.script = {
    onConnection(connection: UpstreamConnection) {
      connection.isRaw = true;
      headers.push("");
    },
    onData(connection, chunk) {
      const at = connection.index;
      const text = chunk.toString("latin1");
      const line = /^PROXY [^\r]*\r\n/.exec(text)?.[0] ?? "";
      if (headers[at] === "") headers[at] = line.trimEnd();
      for (const _ of text.matchAll(/\r\n\r\n/g)) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    },
  };
  const proxy = await harness.proxy({
    endpoints: [upstream.url],
    upstream: { proxyProtocol: "v1", ...rest.upstream },
    ...(rest.listener && { listener: rest.listener }),
  });
  return { upstream, proxy, headers };
}

testWithHarness("a connection is told its client, and serves that client alone", async (harness) => {
  const { proxy, headers } = await start(harness);
  const [one, other] = await harness.speakers(2);
  for (let round = 0; round < 3; round++) for (const client of [one!, other!]) await client.ask({});
  assert.deepEqual(
    headers,
    [one!, other!].map(({ localPort }) => `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${proxy.port}`),
  );
});

testWithHarness("its connections end with the client's", async (harness) => {
  const { upstream } = await start(harness);
  const client = await harness.speaker();
  await client.ask({});
  await client.close();
  await upstream.connections[0]!.untilOver();
});

testWithHarness("what a header has told us is what an endpoint is told", async (harness) => {
  const { headers } = await start(harness, { listener: { proxyProtocol: { trusted: ["127.0.0.1"] } } });
  for (const header of ["PROXY TCP4 192.0.2.7 198.51.100.9 40001 443", "PROXY TCP6 2001:db8::7 ::1 40001 443"]) {
    const client = await harness.raw();
    client.send(`${header}\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal((await client.response()).status, 200);
    assert.equal(headers.at(-1), header);
  }
});

testWithHarness("checks are for nobody", async (harness) => {
  const { headers } = await start(harness, { upstream: { health: { path: "/", interval: "100ms" } } });
  await eventually(
    () => headers[0] === "PROXY UNKNOWN",
    () => JSON.stringify(headers),
  );
});

testWithHarness("a reload that changes the header leaves no connection behind", async (harness) => {
  const { upstream, proxy, headers } = await start(harness);
  const client = await harness.speaker();
  await client.ask({});
  await proxy.reload({ ...proxy.options, upstream: {} });
  await client.ask({});
  assert.equal(headers.length, 2);
  assert.equal(headers[1], "");
  await upstream.connections[0]!.untilOver();
});
