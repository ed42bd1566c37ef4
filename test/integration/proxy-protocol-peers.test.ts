/** The PROXY protocol with HAProxy and nginx, which send headers to us and take ours. */
import assert from "node:assert/strict";
import { EdgePeer, haproxyCommand, nginxCommand, nginxStreamModule } from "../support/edge-peers.ts";
import { freePort } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";

const trusting = { proxyProtocol: { trusted: ["127.0.0.1"] } };

/** A proxy behind a peer, whose endpoint says what it was told of the client. */
async function startBehind(harness: Harness): Promise<ProxyUnderTest> {
  const endpoint = await harness.endpoint((exchange) =>
    exchange.answer({ body: exchange.request.value("x-forwarded-for") ?? "" }),
  );
  return harness.proxy({ endpoints: [endpoint.url], listener: trusting });
}

/** Asks through the peer at `port`, and compares what the proxy has logged with the client's own port. */
async function askThrough(harness: Harness, port: number, proxied: RegExp): Promise<void> {
  const client = await harness.speakerAt(port);
  const { status, text } = await client.ask({});
  const { localPort } = client;
  await client.close();
  assert.deepEqual([status, text], [200, "127.0.0.1"]);
  const [log = []] = await harness.end();
  assert.equal(log[0]?.["peer"], `127.0.0.1:${localPort}`);
  assert.match(String(log[0]?.["proxied"]), proxied);
}

const senders = [
  ["send-proxy", /^127\.0\.0\.1:\d+$/],
  ["send-proxy-v2 proxy-v2-options unique-id,crc32c", /^127\.0\.0\.1:\d+ id=[0-9a-f]+$/],
] as const;
for (const [how, proxied] of senders)
  testWithHarness(
    `HAProxy names its client to us: ${how}`,
    async (harness) => {
      const proxy = await startBehind(harness);
      const port = await freePort();
      const peer = await EdgePeer.haproxy(
        `listen front\n  mode tcp\n  unique-id-format %ci\n  bind 127.0.0.1:${port}\n  server s 127.0.0.1:${proxy.port} ${how}`,
        port,
      );
      harness.atEnd(() => peer.stop());
      await askThrough(harness, port, proxied);
    },
    { skip: haproxyCommand === null },
  );

testWithHarness(
  "nginx names its client to us",
  async (harness) => {
    const proxy = await startBehind(harness);
    const port = await freePort();
    const peer = await EdgePeer.nginx(
      `stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${proxy.port}; proxy_protocol on; } }`,
      port,
      nginxStreamModule ?? "",
    );
    harness.atEnd(() => peer.stop());
    await askThrough(harness, port, /^127\.0\.0\.1:\d+$/);
  },
  { skip: nginxCommand === null || nginxStreamModule === null },
);

testWithHarness(
  "HAProxy's checks need no header of a client",
  async (harness) => {
    const proxy = await startBehind(harness);
    const port = await freePort();
    const peer = await EdgePeer.haproxy(
      `listen front\n  mode http\n  option httpchk GET /\n  bind 127.0.0.1:${port}\n  server s 127.0.0.1:${proxy.port} send-proxy-v2 check inter 50ms fall 1 rise 1 init-addr none`,
      port,
    );
    harness.atEnd(() => peer.stop());
    // It keeps its connections to us.
    harness.endWithClients(() => void peer.stop());
    const client = await harness.speakerAt(port);
    assert.equal((await client.ask({})).status, 200);
    await client.close();
  },
  { skip: haproxyCommand === null },
);

for (const version of ["v1", "v2"] as const)
  for (const [family, header, expected] of [
    ["IPv4", "PROXY TCP4 192.0.2.7 198.51.100.9 40001 443\r\n", "192.0.2.7 40001 198.51.100.9 443"],
    ["IPv6", "PROXY TCP6 2001:db8::7 2001:db8::9 40001 443\r\n", "2001:db8::7 40001 2001:db8::9 443"],
  ] as const) {
    const ask = async (harness: Harness, port: number): Promise<string> => {
      const proxy = await harness.proxy({
        endpoints: [`http://127.0.0.1:${port}`],
        upstream: { proxyProtocol: version },
        listener: trusting,
      });
      const client = await harness.raw(proxy);
      client.send(`${header}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      return (await client.response()).body.toString();
    };

    testWithHarness(
      `HAProxy takes our header, ${version}, ${family}`,
      async (harness) => {
        const port = await freePort();
        const peer = await EdgePeer.haproxy(
          `frontend f\n  mode http\n  bind 127.0.0.1:${port} accept-proxy\n  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"`,
          port,
        );
        harness.atEnd(() => peer.stop());
        assert.equal(await ask(harness, port), expected);
      },
      { skip: haproxyCommand === null },
    );

    testWithHarness(
      `nginx takes our header, ${version}, ${family}`,
      async (harness) => {
        const port = await freePort();
        const address =
          "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
        const peer = await EdgePeer.nginx(
          `http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; server { listen 127.0.0.1:${port} proxy_protocol; return 200 "${address}"; } }`,
          port,
        );
        harness.atEnd(() => peer.stop());
        assert.equal(await ask(harness, port), expected);
      },
      { skip: nginxCommand === null },
    );
  }
