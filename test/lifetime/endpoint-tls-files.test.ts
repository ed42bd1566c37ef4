/** Files of TLS to endpoints change while a proxy runs: the next connections are made with what they hold then. */
import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import type { Socket } from "node:net";
import { TestAuthority } from "../../src/net/testing/test-authority.ts";
import { ConfigError } from "../../src/index.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyOptions, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A server that answers every request, the subjects of the certificates that it was shown, and its open connections. */
async function startServer(harness: Harness, options: TlsOptions) {
  const subjects: string[] = [];
  const open = new Set<Socket>();
  const server = createServer(options, (socket) => {
    subjects.push(socket.getPeerX509Certificate()?.subject ?? "");
    socket.on("error", () => {});
    socket.on("data", () => socket.write(ok));
  });
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  harness.atEnd(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, subjects, open };
}

/** In one step: half a file would be read as one that cannot be used. */
async function write(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const log = { level: "info", access: false, stats: "0s" };
const quiet = { retry: { attempts: 0 }, outlier: false };
const changed = "files of TLS to endpoints have changed; new connections are made with them";
const useless = "files of TLS to endpoints have changed and cannot be used; what was read before stays";

const untilSaid = (proxy: ProxyUnderTest, said: string, times = 1): Promise<void> =>
  eventually(() => proxy.messages.filter(({ message }) => message === said).length >= times, said);

for (const [mode, threads] of modes) {
  testWithHarness(`another authority is trusted at once, and the old connections end, ${mode}`, async (harness) => {
    const [one, other] = [await TestAuthority.create("One"), await TestAuthority.create("Other")];
    const server = await startServer(harness, await one.issue({ names: ["localhost"] }));
    const ca = join(await harness.folder(), "ca.pem");
    await write(ca, one.root);
    const proxy = await harness.proxy({
      threads,
      endpoints: [`https://localhost:${server.port}`],
      upstream: { ...quiet, tls: { ca } },
      config: { log },
    });
    assert.equal((await harness.ask()).status, 200);
    await write(ca, other.root);
    await untilSaid(proxy, changed);
    await eventually(() => server.open.size === 0, "connections of the old authority are closed");
    assert.equal((await harness.ask()).reason, "UPSTREAM_TLS_UNTRUSTED");
    await write(ca, one.root + other.root);
    await untilSaid(proxy, changed, 2);
    assert.equal((await harness.ask()).status, 200);
    if (threads === 0) return;
    // A thread that comes later gets what holds then.
    for (let at = 0; at < threads; at++) await proxy.killThread(at);
    await eventually(async () => (await proxy.metrics()).sum("millrace_proxy_threads") === threads, "threads are back");
    assert.equal((await harness.ask()).status, 200);
  });

  testWithHarness(
    `our certificate is renewed, and one that cannot be used changes nothing, ${mode}`,
    async (harness) => {
      const authority = await TestAuthority.create();
      const server = await startServer(harness, {
        ...(await authority.issue({ names: ["localhost"] })),
        ca: authority.root,
        requestCert: true,
      });
      const folder = await harness.folder();
      const [ca, cert, key] = [join(folder, "ca.pem"), join(folder, "cert.pem"), join(folder, "key.pem")];
      const [first, second] = [await authority.issue({ subject: "CN=1" }), await authority.issue({ subject: "CN=2" })];
      await write(ca, authority.root);
      await write(cert, first.cert);
      await write(key, first.key);
      const options: ProxyOptions = {
        threads,
        endpoints: [`https://localhost:${server.port}`],
        upstream: { ...quiet, tls: { ca, cert, key } },
        config: { log },
        mayComplain: /have changed and cannot be used/,
      };
      const proxy = await harness.proxy(options);
      assert.equal((await harness.ask()).status, 200);
      await write(cert, second.cert);
      await untilSaid(proxy, useless);
      assert.match(String(proxy.messages.at(-1)?.fields["error"]), /cert\.pem.*does not belong to the key/s);
      assert.equal((await harness.ask()).status, 200);
      // Nor does a reload take it.
      await assert.rejects(proxy.reload(options), (error) => error instanceof ConfigError);
      assert.equal((await harness.ask()).status, 200);
      assert.ok(server.subjects.every((subject) => subject === "CN=1"));
      await write(key, second.key);
      await untilSaid(proxy, changed);
      assert.equal((await harness.ask()).status, 200);
      assert.equal(server.subjects.at(-1), "CN=2");
    },
  );
}

testWithHarness("a reload reads the files again, whatever else it changes", async (harness) => {
  const authority = await TestAuthority.create();
  const server = await startServer(harness, await authority.issue({ names: ["localhost"] }));
  const ca = join(await harness.folder(), "ca.pem");
  await write(ca, authority.root);
  const options: ProxyOptions = {
    endpoints: [`https://localhost:${server.port}`],
    upstream: { ...quiet, tls: { ca } },
    config: { log },
  };
  const proxy = await harness.proxy(options);
  assert.equal((await harness.ask()).status, 200);
  // What says the same leaves connections alone.
  await write(ca, `\n${authority.root}`);
  await proxy.reload(options);
  assert.equal((await harness.ask()).status, 200);
  assert.equal(server.subjects.length, 1);
  await write(ca, (await TestAuthority.create("Other")).root);
  await proxy.reload(options);
  assert.equal((await harness.ask()).reason, "UPSTREAM_TLS_UNTRUSTED");
});

testWithHarness("files that cannot be used refuse a configuration, and it is said which", async (harness) => {
  const folder = await harness.folder();
  const [empty, missing] = [join(folder, "empty.pem"), join(folder, "missing.pem")];
  await write(empty, "");
  for (const [tls, sentence] of [
    [{ ca: empty }, /empty\.pem.*holds no certificate/s],
    [{ ca: missing }, /missing\.pem.*is not there/s],
    [{ cert: missing, key: empty }, /missing\.pem.*is not there/s],
  ] as const)
    await assert.rejects(
      harness.proxy({ endpoints: ["https://localhost:1"], upstream: { tls } }),
      (error: unknown) => error instanceof ConfigError && sentence.test(error.message),
    );
});
