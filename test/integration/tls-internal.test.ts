/** `tls: internal`: any name is served with a certificate that the root of this machine vouches for. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type ConnectionOptions } from "node:tls";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";

async function rootOf(folder: string): Promise<string> {
  return (JSON.parse(await readFile(join(folder, "root.json"), "utf8")) as { certPem: string }).certPem;
}

/** What a client is shown that trusts the root alone, and what it is answered. */
async function ask(harness: Harness, proxy: ProxyUnderTest, options: ConnectionOptions): Promise<string> {
  const socket = connect({ port: proxy.port, host: "127.0.0.1", ...options });
  harness.endWithClients(() => socket.destroy());
  await once(socket, "secureConnect");
  const names = socket.getPeerCertificate().subjectaltname ?? "";
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  assert.match(text, /^HTTP\/1\.1 200 /);
  return names;
}

for (const [title, threads] of modes)
  testWithHarness(`every name has a certificate, and so have no name and an address, ${title}`, async (harness) => {
    const folder = await harness.folder();
    const endpoint = await harness.endpoint();
    const options = { threads, endpoints: [endpoint.url], listener: { tls: { internal: { folder } } } };
    const proxy = await harness.proxy(options);
    const ca = await rootOf(folder);
    assert.match(await ask(harness, proxy, { ca, servername: "localhost" }), /DNS:localhost/);
    assert.match(await ask(harness, proxy, { ca }), /IP Address:127\.0\.0\.1/);
    for (const name of ["a.test", "b.a.test", "a.test"])
      assert.equal(await ask(harness, proxy, { ca, servername: name }), `DNS:${name}`);
    await proxy.reload({ ...options, listener: { ...options.listener, trustedProxies: ["10.0.0.0/8"] } });
    assert.equal(await ask(harness, proxy, { ca, servername: "b.a.test" }), "DNS:b.a.test");
    assert.equal(await rootOf(folder), ca);
  });
