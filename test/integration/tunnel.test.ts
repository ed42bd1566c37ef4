/**
 * WebSocket through the proxy: with a real client and server (`ws`), and byte by byte (RFC 6455, RFC 9110 section 7.8).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import type { Script, ScriptedUpstream, UpstreamConnection } from "../support/scripted-upstream.ts";

const handshake = (target = "/"): string =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
const switched =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/** A server of WebSocket messages behind a proxy. */
async function startEcho(harness: Harness): Promise<{ proxy: ProxyUnderTest; server: WebSocketServer }> {
  const origin = await harness.origin((_request, response) => response.end("plain"));
  const server = new WebSocketServer({
    server: origin.server,
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
  harness.endWithClients(() => {
    for (const socket of server.clients) socket.terminate();
  });
  return { proxy: await harness.proxy({ endpoints: [origin.url] }), server };
}

/** Every tunnel has its line in the access log. */
async function end(harness: Harness): Promise<void> {
  const [lines] = await harness.end();
  assert.ok(lines!.length > 0 && lines!.every(({ status }) => typeof status === "number"));
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

testWithHarness("text and binary messages of every size class are echoed in order", async (harness) => {
  const { proxy } = await startEcho(harness);
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
  await end(harness);
});

testWithHarness("close codes travel, and a break is a break", async (harness) => {
  const { proxy } = await startEcho(harness);
  const polite = await open(proxy);
  polite.send("close me");
  assert.deepEqual(await closed(polite), { code: 4001, reason: "as you wish" });
  const rude = await open(proxy);
  rude.send("break off");
  assert.equal((await closed(rude)).code, 1006);
  await end(harness);
});

testWithHarness("a client that breaks off takes its tunnel with it", async (harness) => {
  const { proxy, server } = await startEcho(harness);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => open(proxy)));
  await eventually(() => server.clients.size === 20, "all are connected");
  for (const socket of sockets) socket.terminate();
  await eventually(() => server.clients.size === 0, "all are gone at the endpoint");
  await end(harness);
});

testWithHarness("the proxy serves ordinary requests beside tunnels", async (harness) => {
  const { proxy } = await startEcho(harness);
  const socket = await open(proxy);
  assert.equal(await (await fetch(proxy.url, { headers: { connection: "close" } })).text(), "plain");
  socket.close();
  await closed(socket);
  await end(harness);
});

async function asked(upstream: ScriptedUpstream): Promise<UpstreamConnection> {
  await upstream.until(() => upstream.requests.length === 1, "the endpoint was asked");
  const connection = upstream.connections.find(({ requests }) => requests.length > 0);
  assert.ok(connection);
  return connection;
}

testWithHarness("bytes that a client sends before the 101 reach the endpoint only after it", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
  client.send(`${handshake()}early`);
  const connection = await asked(upstream);
  client.send(" birds");
  assert.equal(connection.unread.toString(), "");
  connection.send(switched);
  assert.equal((await client.response()).status, 101);
  await upstream.until(() => connection.unread.toString() === "early birds", "the early bytes came behind the 101");
});

testWithHarness("bytes that an endpoint sends with the 101 reach the client", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
  client.send(handshake());
  (await asked(upstream)).send(`${switched}hello`);
  assert.equal((await client.response()).status, 101);
  await client.until(() => client.unread.toString() === "hello", "the bytes behind the 101 came");
});

testWithHarness(
  "early bytes of a handshake that is refused are not parsed as a request of their own before the answer, nor sent upstream as part of it",
  async (harness) => {
    const { upstream, client } = await harness.rawTrio({}, {});
    client.send(`${handshake()}GET /second HTTP/1.1\r\nHost: a\r\n\r\n`);
    const connection = await asked(upstream);
    assert.equal(connection.unread.length, 0);
    connection.isRaw = false;
    connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    assert.equal((await client.response()).status, 403);
    client.end();
    // Behind a refused handshake the connection is an ordinary one again: pipelined, or closed.
    await eventually(() => client.isOver || upstream.requests.length === 2, "the next request came, or nothing more");
  },
);

testWithHarness("each side of a tunnel may finish by itself", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
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
});

testWithHarness("an endpoint may finish first", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
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
});

testWithHarness("bytes pass through a tunnel whole, both ways at once", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
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
});

const lastWords = Buffer.alloc(12_000_000, "last words, many of them. ");

testWithHarness("a client that says much and closes last is heard to the end", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
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
});

testWithHarness("an endpoint that says much and closes last is heard to the end", async (harness) => {
  const { upstream, client } = await harness.rawTrio({}, {});
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
});

/** A bare server behind a proxy, which does with each connection what it is told. */
async function startTcp(
  harness: Harness,
  onConnection: (socket: Socket) => void,
  upstream: Record<string, unknown> = {},
): Promise<{ port: number; proxy: ProxyUnderTest }> {
  const sockets: Socket[] = [];
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on("error", () => {}));
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  harness.endWithClients(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const proxy = await harness.proxy({ endpoints: [`http://127.0.0.1:${port}`], upstream });
  return { port: proxy.port, proxy };
}

/** A bare connection, which may go on reading behind its end. */
function connectTcp(harness: Harness, port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {});
  harness.endWithClients(() => socket.destroy());
  return socket;
}

for (const [who, fin] of [
  ["an endpoint", "the client's"],
  ["a client", "the endpoint's"],
] as const) {
  testWithHarness(`${who} that ignores ${fin} FIN holds its tunnel no longer than it may pause`, async (harness) => {
    let endpoint: Socket | undefined;
    const { port, proxy } = await startTcp(
      harness,
      (socket) => {
        endpoint = socket;
        socket.once("data", () => socket.write(switched));
      },
      { timeouts: { idle: "500ms" } },
    );
    const client = connectTcp(harness, port);
    client.write(handshake());
    await once(client, "data");
    // Whole, it may rest for longer than that.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal((await proxy.inspect()).exchanges, 1);
    (who === "an endpoint" ? client : endpoint!).end();
    client.resume();
    endpoint!.resume();
    await proxy.untilOpen((open) => open.exchanges === 0 && open.upstreamConnections === 0, "its place is free");
    const [lines] = await harness.end();
    assert.deepEqual([lines![0]?.["status"], lines![0]?.["reason"]], [101, "UPSTREAM_IDLE_TIMEOUT"]);
  });
}

testWithHarness(
  "the client's last bytes reach a slow endpoint although both sides have said that they are done",
  async (harness) => {
    const size = 4_194_304;
    let taken = 0;
    let start = (): void => {};
    const { port } = await startTcp(harness, (socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.end(switched);
        start = () => socket.on("data", (chunk: Buffer) => (taken += chunk.length)).resume();
      });
    });
    const client = connectTcp(harness, port);
    client.write(handshake());
    await once(client, "data");
    let isSent = false;
    client.end(Buffer.alloc(size), () => (isSent = true));
    client.resume();
    await loopTurns(50);
    start();
    await eventually(() => isSent && taken === size, "every byte arrived");
  },
);

const endings = {
  "refuses an upgrade by closing": { first: "", isBroken: false },
  "refuses an upgrade by a reset": { first: "", isBroken: true },
  "ends a tunnel by a reset": { first: switched, isBroken: true },
} as const;
for (const [name, { first, isBroken }] of Object.entries(endings)) {
  testWithHarness(
    `an endpoint that ${name}, as servers of WebSocket do, is neither ejected for it nor does it open a breaker`,
    async (harness) => {
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
      const upstreams = await Promise.all([harness.scripted(answerOrEnd), harness.scripted(answerOrEnd)]);
      const proxy = await harness.proxy({
        endpoints: upstreams.map(({ url }) => url),
        upstream: {
          outlier: { consecutiveErrors: 1 },
          breaker: { minRequests: 2, errorPercent: 10 },
          retry: { attempts: 0 },
        },
      });
      for (let count = 0; count < 6; count++) {
        const client = await harness.raw();
        client.send(handshake());
        if (first === "") assert.equal((await client.response()).status, 502);
        else await client.untilOver();
        client.destroy();
      }
      const client = await harness.raw();
      client.send("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
      assert.equal((await client.response()).status, 200);
      client.destroy();
      const metrics = await proxy.metrics();
      assert.equal(metrics.sum("millrace_ejections_total"), 0);
      await proxy.untilQuiet();
      await proxy.assertCountsAreZero();
    },
  );
}
