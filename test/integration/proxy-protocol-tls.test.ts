/** PROXY headers before TLS, and on connections that are only passed on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

/** A proxy that takes a header, then TLS; and the file with its root. */
async function startBehind(harness: Harness): Promise<{ proxy: ProxyUnderTest; caFile: string; ca: string }> {
  const folder = await harness.folder();
  const endpoint = await harness.endpoint((exchange) =>
    exchange.answer({ body: exchange.request.value("x-forwarded-for") ?? "" }),
  );
  const proxy = await harness.proxy({
    endpoints: [endpoint.url],
    listener: { tls: { internal: { folder } }, proxyProtocol: { trusted: ["127.0.0.1"] } },
  });
  const { certPem } = JSON.parse(await readFile(join(folder, "root.json"), "utf8")) as { certPem: string };
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, certPem);
  return { proxy, caFile, ca: certPem };
}

testWithHarness("TCP is passed on with a header, and TLS begins behind it", async (harness) => {
  const { proxy, ca } = await startBehind(harness);
  const front = await harness.proxy({
    listener: { name: "front", mode: "tcp" },
    routes: [{ match: { listener: "front" }, upstream: "behind" }],
    config: {
      upstreams: {
        behind: {
          endpoints: [`tcp://127.0.0.1:${proxy.port}`],
          proxyProtocol: "v2",
          health: { tcp: true, interval: "100ms" },
        },
      },
    },
  });
  const socket = connect({ port: front.port, host: "127.0.0.1", ca, servername: "a.test" });
  harness.endWithClients(() => socket.destroy());
  await once(socket, "secureConnect");
  const { localPort } = socket;
  socket.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  assert.match(text, /^HTTP\/1\.1 200 [^]*\r\n\r\n127\.0\.0\.1$/);
  const [log = []] = await harness.end();
  assert.equal(log[0]?.["peer"], `127.0.0.1:${localPort}`);
});

testWithHarness("an endpoint over TLS is sent the header first, by checks, too", async (harness) => {
  const { proxy, caFile } = await startBehind(harness);
  const front = await harness.proxy({
    endpoints: [`https://localhost:${proxy.port}`],
    upstream: { proxyProtocol: "v1", tls: { ca: caFile }, health: { path: "/", interval: "100ms" } },
  });
  await eventually(
    async () => (await front.metrics()).sum("millrace_health_checks_total") > 1,
    () => "it is checked",
  );
  assert.equal((await front.metrics()).sum("millrace_endpoint_up"), 1);
  const client = await harness.speaker(front);
  assert.equal((await client.ask({})).text, "127.0.0.1");
  const { localPort } = client;
  await client.close();
  const [log = []] = await harness.end();
  assert.ok(log.some(({ peer }) => peer === `127.0.0.1:${localPort}`));
});

testWithHarness("TLS that begins without the header is refused, whole", async (harness) => {
  const { proxy, ca } = await startBehind(harness);
  const socket = connect({ port: proxy.port, host: "127.0.0.1", ca, servername: "a.test" });
  harness.endWithClients(() => socket.destroy());
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNRESET");
});
