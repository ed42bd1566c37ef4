/** Real clients and servers over TCP listeners: TLS of OpenSSL that passes through or is terminated, nginx, Redis. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { EdgePeer, nginxCommand } from "../support/edge-peers.ts";
import { freePort } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { redisCommand, RedisServer } from "../support/redis-server.ts";
import { eventually } from "../support/signal.ts";
import { TcpEndpoint, tcpProxy } from "../support/tcp-endpoint.ts";
import { authority, certificateFiles, serverFiles } from "../support/tls-files.ts";

/** A server of TLS that says the name it was asked for, and echoes. */
async function tlsEcho(harness: Harness): Promise<string> {
  const server = createServer(
    { cert: readFileSync(serverFiles.cert), key: readFileSync(serverFiles.key) },
    (socket: TLSSocket) => {
      socket.on("error", () => {});
      socket.write(`${String(socket.servername)}\n`);
      socket.pipe(socket);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  harness.atEnd(() => server.close());
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface TlsClient {
  readonly socket: TLSSocket;
  text: string;
}

async function tlsClient(harness: Harness, port: number, servername: string): Promise<TlsClient> {
  const socket = connect({ port, host: "127.0.0.1", servername, ca: authority.root });
  harness.endWithClients(() => socket.destroy());
  const client = { socket, text: "" };
  socket.on("data", (chunk: Buffer) => (client.text += chunk.toString()));
  await once(socket, "secureConnect");
  return client;
}

testWithHarness("TLS passes through to the endpoint of its name, and ends there", async (harness) => {
  const [one, two] = [await tlsEcho(harness), await tlsEcho(harness)];
  const proxy = await harness.proxy({
    listener: { name: "main", mode: "tcp" },
    routes: [
      { match: { sni: "a.test" }, upstream: "one" },
      { match: { sni: "*.b.test" }, upstream: "two" },
    ],
    config: { upstreams: { one: { endpoints: [one] }, two: { endpoints: [two] } } },
  });
  for (const name of ["a.test", "x.b.test"]) {
    const client = await tlsClient(harness, proxy.port, name);
    client.socket.write("x".repeat(100_000));
    await eventually(() => client.text.length === name.length + 1 + 100_000, "all came back");
    assert.ok(client.text.startsWith(`${name}\n`));
    client.socket.end();
    await once(client.socket, "close");
  }
  await assert.rejects(tlsClient(harness, proxy.port, "c.test"), /unrecognized name/);
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map((line) => [line["serverName"], line["endpoint"], line["reason"]]),
    [
      ["a.test", one, null],
      ["x.b.test", two, null],
      ["c.test", null, "NO_ROUTE"],
    ],
  );
});

testWithHarness(
  "TLS that ends at the listener: what is inside goes to the endpoint, by its name, too",
  async (harness) => {
    const endpoint = await TcpEndpoint.start(harness, (connection) => {
      connection.socket.on("end", () => connection.end());
    });
    const other = await certificateFiles({ names: ["other.test"] });
    const proxy = await harness.proxy({
      listener: { name: "main", mode: "tcp", tls: { certificates: [serverFiles, other] } },
      routes: [{ match: { sni: "a.test" }, upstream: "app" }],
      endpoints: [endpoint.url],
    });
    const client = await tlsClient(harness, proxy.port, "a.test");
    client.socket.write("question");
    const connection = await endpoint.connection();
    await connection.untilText("question");
    const answer = Buffer.alloc(1_000_000, "x");
    connection.send(answer);
    await eventually(() => client.text.length === answer.length, "the answer came");
    client.socket.end();
    await once(client.socket, "close");
    const refused = await tlsClient(harness, proxy.port, "other.test").catch(() => null);
    if (refused !== null && !refused.socket.closed) await once(refused.socket, "close").catch(() => {});
    const [lines] = await harness.end();
    assert.deepEqual(
      lines!.map((line) => [line["serverName"], line["reason"], line["requestBytes"]]),
      [
        ["a.test", null, 8],
        ["other.test", "NO_ROUTE", 0],
      ],
    );
  },
);

testWithHarness(
  "nginx behind a listener that lets TLS through",
  async (harness) => {
    const port = await freePort();
    const nginx = await EdgePeer.nginx(
      `http { access_log off; server { listen 127.0.0.1:${port} ssl; ssl_certificate ${serverFiles.cert}; ssl_certificate_key ${serverFiles.key}; location / { return 200 "from nginx"; } } }`,
      port,
    );
    harness.atEnd(() => nginx.stop());
    const proxy = await harness.proxy({
      listener: { name: "main", mode: "tcp" },
      routes: [{ match: { sni: "a.test" }, upstream: "app" }],
      endpoints: [`tcp://127.0.0.1:${port}`],
    });
    const client = await tlsClient(harness, proxy.port, "a.test");
    client.socket.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    await once(client.socket, "close");
    assert.match(client.text, /from nginx$/);
  },
  { skip: nginxCommand === null ? "nginx is not installed" : false },
);

testWithHarness(
  "Redis, which is checked by what it says, over a Unix socket",
  async (harness) => {
    const redis = await RedisServer.start();
    harness.atEnd(() => redis.close());
    const proxy = await harness.proxy(
      tcpProxy([], {
        endpoints: [redis.url],
        upstream: { health: { tcp: { send: "PING\r\n", expect: "+PONG" }, interval: "50ms", fastInterval: "50ms" } },
      }),
    );
    const page = await proxy.metrics();
    assert.equal(page.sum("millrace_endpoint_up"), 1);
    const client = await harness.raw();
    const value = "v".repeat(3_000_000);
    client.send(
      `SET key ${"x"}\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$${value.length}\r\n${value}\r\nGET key\r\nQUIT\r\n`,
    );
    await client.until(() => client.isOver, "Redis has quit");
    client.end();
    const text = client.received.toString();
    assert.ok(text === `+OK\r\n+OK\r\n$${value.length}\r\n${value}\r\n+OK\r\n`, text.slice(0, 100));
  },
  { skip: redisCommand === null ? "redis-server is not installed" : false },
);

testWithHarness("sessions are told to the endpoint by a PROXY header", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness);
  const proxy = await harness.proxy(tcpProxy([endpoint], { upstream: { proxyProtocol: "v1" } }));
  const socket = connectTcp(proxy.port, "127.0.0.1");
  harness.endWithClients(() => socket.resetAndDestroy());
  await once(socket, "connect");
  socket.write("hello");
  const connection = await endpoint.connection();
  await connection.untilText(`PROXY TCP4 127.0.0.1 127.0.0.1 ${socket.localPort} ${proxy.port}\r\nhello`);
});
