/** Peers that send much over TLS and no data: they are ended, counted and told of, and others are served meanwhile. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connect, createSecureContext, TLSSocket } from "node:tls";
import { handMadeRecords } from "../../src/net/testing/key-changes.ts";
import { testWithHarness } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { askOnce, secure, textsOf } from "../support/tls-client.ts";
import { authority, rootFile, serverFiles } from "../support/tls-files.ts";

for (const [title, threads] of modes)
  testWithHarness(`a client that does nothing but change its keys is ended, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint();
    const tls = { certificates: [serverFiles] };
    const proxy = await harness.proxy({ threads, endpoints: [endpoint.url], listener: { tls } });
    const raw = connectTcp({ port: proxy.port, host: "127.0.0.1" });
    raw.on("error", () => {});
    const peer = connect({ socket: raw, ca: authority.root, servername: "a.test" });
    peer.on("error", () => {});
    harness.endWithClients(() => peer.destroy());
    const begin = handMadeRecords(peer, { side: "client", tickets: 0, first: "GET / HTTP/1.1\r\nX-Slow: " });
    await once(peer, "secureConnect");
    // The last of the handshake leaves after this event.
    await new Promise((resolve) => setImmediate(resolve));
    const records = await begin();
    const closed = once(raw, "close");
    raw.write(records.keyChanges(16_000));
    await closed;
    await eventually(async () => (await proxy.metrics()).sum("millrace_tls_floods_total", {}) === 1, "it is counted");
    await eventually(
      () =>
        proxy.messages.some(
          ({ fields, message }) => message.includes("carries no data") && fields["peer"] === "127.0.0.1",
        ),
      "a line tells of it",
    );
    assert.match(await askOnce(await secure(harness, proxy)), /^HTTP\/1\.1 200/);
    await proxy.untilQuiet();
  });

testWithHarness("an endpoint that does nothing but change its keys loses the connection", async (harness) => {
  const secureContext = createSecureContext(textsOf(serverFiles));
  const raws: Socket[] = [];
  const server = createServer((raw) => {
    raws.push(raw.on("error", () => {}));
    const peer = new TLSSocket(raw, { isServer: true, secureContext });
    peer.on("error", () => {});
    const first = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n<";
    const begin = handMadeRecords(peer, { side: "server", tickets: 2, first });
    peer.once("data", () => void begin().then((records) => raw.write(records.keyChanges(16_000))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  harness.endWithClients(() => {
    server.close();
    for (const raw of raws) raw.destroy();
  });
  const { port } = server.address() as { port: number };
  const proxy = await harness.proxy({
    endpoints: [`https://localhost:${port}`],
    upstream: { tls: { ca: rootFile } },
  });
  const client = connectTcp({ port: proxy.port, host: "127.0.0.1" });
  client.on("error", () => {}).resume();
  harness.endWithClients(() => client.destroy());
  client.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  await once(client, "close");
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_upstream_tls_floods_total", {}) === 1,
    "it is counted",
  );
  await proxy.untilQuiet();
});
