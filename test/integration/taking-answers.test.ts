/**
 * Clients that do not take their answers: what they are owed is not cut off, nothing piles up for them, and nobody else
 * waits for them.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { RawClient } from "../support/raw-client.ts";
import { ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";
import { eventually, loopTurns } from "../support/signal.ts";

const size = 1_000_000;
let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;
let folder: string;
let socket: Socket;
let isProxyClosed: boolean;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-taking-"));
  upstream = await ScriptedUpstream.start();
  isProxyClosed = false;
});

afterEach(async () => {
  socket.destroy();
  await proxy.untilQuiet();
  await upstream.close();
  await proxy.untilEmpty();
  if (!isProxyClosed) await proxy.close();
  await rm(folder, { recursive: true, force: true });
});

/** A proxy on a Unix socket, whose buffers are small and fixed, with a client that does not read yet. */
async function start(
  timeouts: Record<string, string>,
  options: { routes?: readonly unknown[]; pipelining?: number } = {},
): Promise<void> {
  const path = join(folder, "proxy.sock");
  proxy = await ProxyUnderTest.start({
    endpoints: [upstream.url],
    upstream: { pool: { pipelining: options.pipelining ?? 1 } },
    ...(options.routes && { routes: options.routes }),
    config: {
      listeners: [
        { address: "127.0.0.1:0", timeouts },
        { address: `unix:${path}`, timeouts },
      ],
    },
  });
  socket = connect({ path, allowHalfOpen: true });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.pause();
}

/** Reads until the connection or `byteCount` bytes are over. */
async function readAll(byteCount: number): Promise<number> {
  let received = 0;
  let isOver = false;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.on("end", () => {
    isOver = true;
  });
  socket.on("close", () => {
    isOver = true;
  });
  socket.resume();
  await eventually(
    () => isOver || received >= byteCount,
    () => `${received} bytes came`,
  );
  return received;
}

/** An answer of our own, complete at once, that does not fit the client's buffers. */
const respond = [{ respond: { status: 200, body: "x".repeat(size) } }];

test("the keep-alive deadline does not cut off an answer whose last bytes are still on their way", async () => {
  await start({ keepAlive: "100ms" }, { routes: respond });
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await proxy.untilOpen((open) => open.connections === 1 && open.exchanges === 0, "the answer is complete");
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.ok((await readAll(size)) > size, "all of it came");
});

test("neither does the client's FIN", async () => {
  await start({}, { routes: respond });
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await proxy.untilOpen((open) => open.connections === 1 && open.exchanges === 0, "the answer is complete");
  socket.end();
  await loopTurns(10);
  assert.ok((await readAll(size + 10_000)) > size, "all of it came");
});

test("a client that pipelines without reading is not answered again before it has taken its answer", async () => {
  const answer = Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"), Buffer.alloc(10_000)]);
  upstream.script = { onRequest: (connection) => connection.send(answer) };
  await start({});
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
  await upstream.until(() => upstream.requests.length > 0, "the endpoint was asked");
  await loopTurns(2_000);
  assert.ok(upstream.requests.length < 250, `${upstream.requests.length} were passed on`);
  assert.ok((await readAll(500 * 10_000)) >= 500 * 10_000, "all answers come when it reads");
  await upstream.until(() => upstream.requests.length === 500, "all were passed on");
});

test("nor does it get answers of our own without end", async () => {
  await start({}, { routes: [{ respond: { status: 200, body: "x".repeat(10_000) } }] });
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000));
  await loopTurns(100);
  socket.destroy();
  await proxy.untilQuiet();
  isProxyClosed = true;
  const lines = await proxy.close();
  assert.ok(lines.length < 1_000, `${lines.length} were answered`);
});

test("an answer that has no end but the connection's, broken off on a Unix socket, leaves nothing behind", async () => {
  upstream.script = {
    onRequest: (connection) => {
      connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
      setImmediate(() => connection.reset());
    },
  };
  await start({});
  socket.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  await readAll(1_000);
  await proxy.untilOpen((open) => open.connections === 0, "the connection is gone");
});

test("the same answer to a TCP client that does not read is reset when its time is over", async () => {
  upstream.script = {
    onRequest: (connection) => {
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      connection.send(Buffer.concat([Buffer.from(`${(16 * size).toString(16)}\r\n`), Buffer.alloc(16 * size)]));
    },
  };
  await start({ write: "1s" }, { routes: [{ upstream: "app", timeouts: { total: "300ms" } }] });
  const client = await RawClient.connect(proxy.port);
  client.socket.pause();
  client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  await upstream.until(() => upstream.requests.length === 1, "the endpoint was asked");
  // The proxy holds bytes that the client does not take. A FIN behind them would look like the end of the answer.
  await proxy.untilOpen(
    (open) => open.exchanges === 0 && open.connections === 2,
    "the answer is broken off, and the client may take it",
  );
  await proxy.untilOpen((open) => open.connections === 1, "the client has not taken it");
  client.send("still there?");
  await client.until(() => client.isClosed, "the client was told");
  assert.match(client.error?.code ?? "", /ECONNRESET|EPIPE/);
});

test("who is pipelined behind an answer that ends its connection is answered elsewhere, before that answer ends", async () => {
  upstream.script = { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };
  await start({}, { pipelining: 8 });
  const [first, second] = await Promise.all([RawClient.connect(proxy.port), RawClient.connect(proxy.port)]);
  try {
    first.send("GET /warm HTTP/1.1\r\nHost: a\r\n\r\n");
    await first.response();
    let endless: UpstreamConnection | null = null;
    upstream.script = {
      onRequest: (connection, { target }) => {
        if (target === "/endless") endless = connection;
        // Whatever comes on the connection of the endless answer is never answered.
        else if (connection !== endless) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquick");
      },
    };
    first.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    await upstream.until(() => endless !== null, "the first request came");
    second.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
    await upstream.until(() => upstream.requests.some(({ target }) => target === "/quick"), "the second request came");
    const connection = endless as unknown as UpstreamConnection;
    assert.equal(connection.requests.at(-1)?.target, "/quick", "on the same connection");
    connection.send("HTTP/1.1 200 OK\r\n\r\nbegin");
    assert.equal((await second.response()).body.toString(), "quick");
    connection.send(" end");
    connection.end();
    assert.equal((await first.response()).body.toString(), "begin end");
  } finally {
    first.destroy();
    second.destroy();
  }
});
