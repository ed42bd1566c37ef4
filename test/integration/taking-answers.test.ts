/**
 * Clients that do not take their answers: what they are owed is not cut off, nothing piles up for them, and nobody else
 * waits for them.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { Script, ScriptedUpstream, UpstreamConnection } from "../support/scripted-upstream.ts";
import { eventually, loopTurns } from "../support/signal.ts";

const size = 1_000_000;

interface Setting {
  /** The listener's. */
  readonly timeouts?: Record<string, string>;
  readonly script?: Script;
  readonly routes?: readonly unknown[];
  readonly pipelining?: number;
}

interface Parts {
  readonly upstream: ScriptedUpstream;
  readonly proxy: ProxyUnderTest;
  /** A client that does not read yet. */
  readonly socket: Socket;
}

/** A proxy that listens on a Unix socket as well, whose buffers are small and fixed, with a client there. */
async function start(
  harness: Harness,
  { timeouts = {}, script, routes, pipelining = 1 }: Setting = {},
): Promise<Parts> {
  const upstream = await harness.scripted(script);
  const proxy = await harness.proxy((folder) => ({
    endpoints: [upstream.url],
    upstream: { pool: { pipelining } },
    ...(routes && { routes }),
    config: {
      listeners: [
        { address: "127.0.0.1:0", timeouts },
        { address: `unix:${join(folder, "proxy.sock")}`, timeouts },
      ],
    },
  }));
  const socket = connect({ path: join(proxy.folder, "proxy.sock"), allowHalfOpen: true });
  harness.endWithClients(() => socket.destroy());
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.pause();
  return { upstream, proxy, socket };
}

/** Reads until the connection or `byteCount` bytes are over. */
async function readAll(socket: Socket, byteCount: number): Promise<number> {
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

testWithHarness(
  "the keep-alive deadline does not cut off an answer whose last bytes are still on their way",
  async (harness) => {
    const { proxy, socket } = await start(harness, { timeouts: { keepAlive: "100ms" }, routes: respond });
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await proxy.untilOpen((open) => open.connections === 1 && open.exchanges === 0, "the answer is complete");
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.ok((await readAll(socket, size)) > size, "all of it came");
  },
);

testWithHarness("neither does the client's FIN", async (harness) => {
  const { proxy, socket } = await start(harness, { routes: respond });
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await proxy.untilOpen((open) => open.connections === 1 && open.exchanges === 0, "the answer is complete");
  socket.end();
  await loopTurns(10);
  assert.ok((await readAll(socket, size + 10_000)) > size, "all of it came");
});

testWithHarness(
  "a client that pipelines without reading is not answered again before it has taken its answer",
  async (harness) => {
    const answer = Buffer.concat([
      Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"),
      Buffer.alloc(10_000),
    ]);
    const { upstream, socket } = await start(harness, {
      script: { onRequest: (connection) => connection.send(answer) },
    });
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
    await upstream.until(() => upstream.requests.length > 0, "the endpoint was asked");
    await loopTurns(2_000);
    assert.ok(upstream.requests.length < 250, `${upstream.requests.length} were passed on`);
    assert.ok((await readAll(socket, 500 * 10_000)) >= 500 * 10_000, "all answers come when it reads");
    await upstream.until(() => upstream.requests.length === 500, "all were passed on");
  },
);

testWithHarness("nor does it get answers of our own without end", async (harness) => {
  const { socket } = await start(harness, { routes: [{ respond: { status: 200, body: "x".repeat(10_000) } }] });
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000));
  await loopTurns(100);
  const [lines] = await harness.end();
  assert.ok(lines!.length < 1_000, `${lines!.length} were answered`);
});

testWithHarness(
  "an answer that has no end but the connection's, broken off on a Unix socket, leaves nothing behind",
  async (harness) => {
    const script: Script = {
      onRequest: (connection) => {
        connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
        setImmediate(() => connection.reset());
      },
    };
    const { proxy, socket } = await start(harness, { script });
    socket.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await readAll(socket, 1_000);
    await proxy.untilOpen((open) => open.connections === 0, "the connection is gone");
  },
);

testWithHarness(
  "the same answer to a TCP client that does not read is reset when its time is over",
  async (harness) => {
    const script: Script = {
      onRequest: (connection) => {
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send(Buffer.concat([Buffer.from(`${(16 * size).toString(16)}\r\n`), Buffer.alloc(16 * size)]));
      },
    };
    const { upstream, proxy } = await start(harness, {
      timeouts: { write: "1s" },
      script,
      routes: [{ upstream: "app", timeouts: { total: "300ms" } }],
    });
    const client = await harness.raw();
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
  },
);

testWithHarness(
  "who is pipelined behind an answer that ends its connection is answered elsewhere, before that answer ends",
  async (harness) => {
    const { upstream } = await start(harness, { pipelining: 8 });
    const [first, second] = [await harness.raw(), await harness.raw()];
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
  },
);
