/**
 * WebSocket through the proxy: with a real client and server (`ws`), and byte by byte (RFC 6455, RFC 9110 section 7.8).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { MetricsPage } from "../support/metrics-page.ts";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import { type Script, ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";

const handshake = (target = "/"): string =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
const switched =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async function withEcho(run: (proxy: ProxyUnderTest, server: WebSocketServer) => Promise<void>): Promise<void> {
  const http = createServer((_request, response) => response.end("plain"));
  const server = new WebSocketServer({
    server: http,
    handleProtocols: (protocols) => (protocols.has("chat") ? "chat" : false),
  });
  server.on("connection", (socket, request) => {
    socket.on("message", (data, isBinary) => {
      if (data.toString() === "close me") socket.close(4001, "as you wish");
      else if (data.toString() === "break off") socket.terminate();
      else if (data.toString() === "who") socket.send(String(request.headers["x-forwarded-for"]));
      else socket.send(data, { binary: isBinary });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const proxy = await ProxyUnderTest.start({ endpoints: [`http://127.0.0.1:${(http.address() as AddressInfo).port}`] });
  try {
    await run(proxy, server);
  } finally {
    for (const socket of server.clients) socket.terminate();
    await proxy.untilQuiet();
    http.closeAllConnections();
    await new Promise<void>((resolve) => http.close(() => resolve()));
    await proxy.untilEmpty();
    const log = await proxy.close();
    assert.ok(log.length > 0 && log.every(({ status }) => typeof status === "number"));
  }
}

async function open(proxy: ProxyUnderTest, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/socket`, protocols);
  await once(socket, "open");
  return socket;
}

async function closed(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  return { code, reason: reason.toString() };
}

test("text and binary messages of every size class are echoed in order", () =>
  withEcho(async (proxy) => {
    const socket = await open(proxy, ["chat"]);
    assert.equal(socket.protocol, "chat");
    const echoed: Buffer[] = [];
    socket.on("message", (data: Buffer) => echoed.push(data));
    const messages = [0, 1, 125, 126, 65_535, 65_536, 1_000_000].map((size) => Buffer.alloc(size, size & 255));
    for (const message of messages) socket.send(message, { binary: true });
    await eventually(() => echoed.length === messages.length, "all were echoed");
    for (const [at, message] of messages.entries()) assert.ok(message.equals(echoed[at] ?? Buffer.alloc(1)));
    socket.send("who");
    await eventually(() => echoed.length === messages.length + 1, "the endpoint answered");
    assert.equal(echoed.at(-1)?.toString(), "127.0.0.1");
    socket.close(1000, "bye");
    assert.deepEqual(await closed(socket), { code: 1000, reason: "bye" });
  }));

test("close codes travel, and a break is a break", () =>
  withEcho(async (proxy) => {
    const polite = await open(proxy);
    polite.send("close me");
    assert.deepEqual(await closed(polite), { code: 4001, reason: "as you wish" });
    const rude = await open(proxy);
    rude.send("break off");
    assert.equal((await closed(rude)).code, 1006);
  }));

test("a client that breaks off takes its tunnel with it", () =>
  withEcho(async (proxy, server) => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(proxy)));
    await eventually(() => server.clients.size === 20, "all are connected");
    for (const socket of sockets) socket.terminate();
    await eventually(() => server.clients.size === 0, "all are gone at the endpoint");
  }));

test("the proxy serves ordinary requests beside tunnels", () =>
  withEcho(async (proxy) => {
    const socket = await open(proxy);
    assert.equal(await (await fetch(proxy.url, { headers: { connection: "close" } })).text(), "plain");
    socket.close();
    await closed(socket);
  }));

async function withScript(
  run: (parts: { upstream: ScriptedUpstream; proxy: ProxyUnderTest; client: RawClient }) => Promise<void>,
): Promise<void> {
  const upstream = await ScriptedUpstream.start({});
  const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url] });
  const client = await RawClient.connect(proxy.port);
  try {
    await run({ upstream, proxy, client });
  } finally {
    client.destroy();
    await proxy.untilQuiet();
    await upstream.close();
    await proxy.untilEmpty();
    await proxy.close();
  }
}

async function asked(upstream: ScriptedUpstream): Promise<UpstreamConnection> {
  await upstream.until(() => upstream.requests.length === 1, "the endpoint was asked");
  const connection = upstream.connections.find(({ requests }) => requests.length > 0);
  assert.ok(connection);
  return connection;
}

test("bytes that a client sends before the 101 reach the endpoint only after it", () =>
  withScript(async ({ upstream, client }) => {
    client.send(`${handshake()}early`);
    const connection = await asked(upstream);
    client.send(" birds");
    assert.equal(connection.unread.toString(), "");
    connection.send(switched);
    assert.equal((await client.response()).status, 101);
    await upstream.until(() => connection.unread.toString() === "early birds", "the early bytes came behind the 101");
  }));

test("bytes that an endpoint sends with the 101 reach the client", () =>
  withScript(async ({ upstream, client }) => {
    client.send(handshake());
    (await asked(upstream)).send(`${switched}hello`);
    assert.equal((await client.response()).status, 101);
    await client.until(() => client.unread.toString() === "hello", "the bytes behind the 101 came");
  }));

test("early bytes of a handshake that is refused are not parsed as a request of their own before the answer, nor sent upstream as part of it", () =>
  withScript(async ({ upstream, client }) => {
    client.send(`${handshake()}GET /second HTTP/1.1\r\nHost: a\r\n\r\n`);
    const connection = await asked(upstream);
    assert.equal(connection.unread.length, 0);
    connection.isRaw = false;
    connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert.equal((await client.response()).status, 403);
    client.end();
    // Behind a refused handshake the connection is an ordinary one again: pipelined, or closed.
    await eventually(() => client.isOver || upstream.requests.length === 2, "the next request came, or nothing more");
  }));

test("each side of a tunnel may finish by itself", () =>
  withScript(async ({ upstream, client }) => {
    client.send(handshake());
    const connection = await asked(upstream);
    connection.socket.removeAllListeners("end");
    connection.socket.on("end", () => {
      connection.isEnded = true;
    });
    connection.send(switched);
    await client.response();
    client.send("last words");
    client.end();
    await eventually(() => connection.isEnded, "the endpoint saw the end");
    assert.equal(connection.unread.toString(), "last words");
    connection.send("still talking");
    await client.until(() => client.unread.toString() === "still talking", "the other direction still works");
    connection.end();
    await client.untilOver();
  }));

test("an endpoint may finish first", () =>
  withScript(async ({ upstream, client }) => {
    client.send(handshake());
    const connection = await asked(upstream);
    connection.send(`${switched}bye`);
    await client.response();
    connection.end();
    await client.untilOver();
    assert.equal(client.unread.toString(), "bye");
    client.send("after you");
    await upstream.until(() => connection.unread.toString() === "after you", "the other direction still works");
    client.end();
    await eventually(() => connection.isClosed, "the tunnel is closed");
  }));

test("bytes pass through a tunnel whole, both ways at once", () =>
  withScript(async ({ upstream, client }) => {
    client.send(handshake());
    const connection = await asked(upstream);
    connection.send(switched);
    await client.response();
    const block = Buffer.alloc(1_000_003, "0123456789abcdef");
    client.send(block);
    connection.send(block);
    await upstream.until(() => connection.unread.length === block.length, "all arrived upstream");
    await client.until(() => client.unread.length === block.length, "all arrived at the client");
    assert.ok(connection.unread.equals(block) && client.unread.equals(block));
  }));

const lastWords = Buffer.alloc(12_000_000, "last words, many of them. ");

test("a client that says much and closes last is heard to the end", () =>
  withScript(async ({ upstream, client }) => {
    client.send(handshake());
    const connection = await asked(upstream);
    connection.send(switched);
    await client.response();
    connection.socket.pause();
    connection.end();
    await client.untilOver();
    // The endpoint has said all, the client says more than the sockets on the way can hold, and leaves.
    client.send(lastWords);
    client.end();
    await loopTurns(50);
    connection.socket.resume();
    await eventually(() => connection.isEnded || connection.isClosed, "the endpoint saw the end");
    assert.equal(connection.unread.length, lastWords.length);
    assert.ok(connection.unread.equals(lastWords));
  }));

test("an endpoint that says much and closes last is heard to the end", () =>
  withScript(async ({ upstream, client }) => {
    client.send(handshake());
    const connection = await asked(upstream);
    connection.socket.removeAllListeners("end");
    connection.socket.on("end", () => {
      connection.isEnded = true;
    });
    connection.send(switched);
    await client.response();
    client.socket.pause();
    client.end();
    await eventually(() => connection.isEnded, "the endpoint saw the end");
    connection.send(lastWords);
    connection.end();
    await loopTurns(50);
    client.socket.resume();
    await client.untilOver();
    assert.equal(client.unread.length, lastWords.length);
    assert.ok(client.unread.equals(lastWords));
  }));

for (const [who, fin] of [
  ["an endpoint", "the client's"],
  ["a client", "the endpoint's"],
] as const) {
  test(`${who} that ignores ${fin} FIN holds its tunnel no longer than it may pause`, async () => {
    let endpoint: Socket | undefined;
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      endpoint = socket;
      socket.once("data", () => socket.write(switched)).on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = await ProxyUnderTest.start({
      endpoints: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      upstream: { timeouts: { idle: "500ms" } },
    });
    const client = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => {});
    try {
      client.write(handshake());
      await once(client, "data");
      // Whole, it may rest for longer than that.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.equal((await proxy.inspect()).exchanges, 1);
      (who === "an endpoint" ? client : endpoint!).end();
      client.resume();
      endpoint!.resume();
      await proxy.untilOpen((open) => open.exchanges === 0 && open.upstreamConnections === 0, "its place is free");
    } finally {
      client.destroy();
      endpoint?.destroy();
      await proxy.untilEmpty();
      const [line] = await proxy.close();
      assert.deepEqual([line?.["status"], line?.["reason"]], [101, "UPSTREAM_IDLE_TIMEOUT"]);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  });
}

test("the client's last bytes reach a slow endpoint although both sides have said that they are done", async () => {
  const size = 4_194_304;
  let taken = 0;
  let start = (): void => {};
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.once("data", () => {
      socket.pause();
      socket.end(switched);
      start = () => socket.on("data", (chunk: Buffer) => (taken += chunk.length)).resume();
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = await ProxyUnderTest.start({
    endpoints: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
  });
  const client = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
  try {
    client.write(handshake());
    await once(client, "data");
    let isSent = false;
    client.end(Buffer.alloc(size), () => (isSent = true));
    client.resume();
    await loopTurns(50);
    start();
    await eventually(() => isSent && taken === size, "every byte arrived");
  } finally {
    client.destroy();
    await proxy.untilEmpty();
    await proxy.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

const endings = {
  "refuses an upgrade by closing": { first: "", isBroken: false },
  "refuses an upgrade by a reset": { first: "", isBroken: true },
  "ends a tunnel by a reset": { first: switched, isBroken: true },
} as const;
for (const [name, { first, isBroken }] of Object.entries(endings)) {
  test(`an endpoint that ${name}, as servers of WebSocket do, is neither ejected for it nor does it open a breaker`, async () => {
    const answerOrEnd: Script = {
      onRequest: (connection, { target }) => {
        if (target === "/plain") {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
          return;
        }
        connection.send(first);
        void loopTurns(2).then(() => (isBroken ? connection.reset() : connection.end()));
      },
    };
    const upstreams = await Promise.all([ScriptedUpstream.start(answerOrEnd), ScriptedUpstream.start(answerOrEnd)]);
    const proxy = await ProxyUnderTest.start({
      endpoints: upstreams.map(({ url }) => url),
      upstream: {
        outlier: { consecutiveErrors: 1 },
        breaker: { minRequests: 2, errorPercent: 10 },
        retry: { attempts: 0 },
      },
      config: { admin: { address: "127.0.0.1:0" } },
    });
    try {
      for (let count = 0; count < 6; count++) {
        const client = await RawClient.connect(proxy.port);
        client.send(handshake());
        if (first === "") assert.equal((await client.response()).status, 502);
        else await client.untilOver();
        client.destroy();
      }
      const client = await RawClient.connect(proxy.port);
      client.send("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
      assert.equal((await client.response()).status, 200);
      client.destroy();
      const metrics = await MetricsPage.of(`http://${proxy.proxy.adminAddress() ?? ""}`);
      assert.equal(metrics.sum("millrace_ejections_total"), 0);
      await proxy.untilQuiet();
      await proxy.assertCountsAreZero();
    } finally {
      for (const upstream of upstreams) await upstream.close();
      await proxy.untilEmpty();
      await proxy.close();
    }
  });
}
