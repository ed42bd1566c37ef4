/** Whatever either side of a TCP session does, and after every byte: nothing is left, and there is one line each. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { testWithHarness } from "../support/harness.ts";
import { eventually } from "../support/signal.ts";
import { type TcpConnection, TcpEndpoint, tcpProxy } from "../support/tcp-endpoint.ts";

const bytes = Buffer.from("0123456789");

const endings: Record<string, (connection: { end(): void; reset(): void; socket: { destroy(): unknown } }) => void> = {
  ends: (connection) => connection.end(),
  resets: (connection) => connection.reset(),
  closes: (connection) => connection.socket.destroy(),
};

for (const [what, finish] of Object.entries(endings)) {
  testWithHarness(`a client ${what} after every byte`, async (harness) => {
    const endpoint = await TcpEndpoint.start(harness, (connection) => {
      connection.send("hello");
      connection.socket.on("end", () => connection.end());
    });
    const proxy = await harness.proxy(tcpProxy([endpoint]));
    for (let count = 0; count <= bytes.length; count++) {
      const client = await harness.raw();
      client.send(bytes.subarray(0, count));
      const connection = await endpoint.connection(count);
      await connection.until(() => connection.received.length === count, "what was sent came");
      finish(client);
      await connection.until(() => connection.isClosed, "the session is over");
    }
    await proxy.untilQuiet();
    const [lines] = await harness.end();
    assert.equal(lines!.length, bytes.length + 1);
  });

  testWithHarness(`an endpoint ${what} after every byte, and the client has them all`, async (harness) => {
    let count = 0;
    const endpoint = await TcpEndpoint.start(harness, (connection) => {
      connection.send(bytes.subarray(0, count));
      // Behind the bytes, which a reset of this end would overtake.
      const go = (): void => (connection.socket.writableLength === 0 ? finish(connection) : void setImmediate(go));
      setImmediate(go);
      connection.socket.on("end", () => connection.socket.destroy());
    });
    const proxy = await harness.proxy(tcpProxy([endpoint]));
    for (; count <= bytes.length; count++) {
      const client = await harness.raw();
      await client.until(() => client.isOver, "the session is over");
      if (what !== "resets") assert.deepEqual(client.received, bytes.subarray(0, count));
      client.end();
      await client.until(() => client.isClosed, "closed");
    }
    await proxy.untilQuiet();
    const [lines] = await harness.end();
    assert.equal(lines!.length, bytes.length + 1);
  });
}

testWithHarness(
  "what an endpoint has sent before its reset reaches a client that is slow to take it",
  async (harness) => {
    const content = Buffer.alloc(8 * 1024 * 1024, "x");
    let connection: TcpConnection | null = null;
    const endpoint = await TcpEndpoint.start(harness, (one) => {
      connection = one;
      one.socket.write(content);
    });
    const proxy = await harness.proxy(tcpProxy([endpoint]));
    const client = await harness.raw();
    client.socket.pause();
    await eventually(() => connection !== null && connection.socket.writableLength > 0, "the client is behind");
    client.socket.resume();
    await eventually(() => connection!.socket.writableLength === 0, "the endpoint has written all");
    client.socket.pause();
    // All is in the hands of kernels and the proxy.
    connection!.reset();
    await eventually(() => connection!.isClosed, "the endpoint is gone");
    await eventually(async () => (await proxy.inspect()).upstreamConnections <= 1, "the proxy has seen it, or will");
    client.socket.resume();
    await client.until(() => client.isClosed, "the session is over");
    const [lines] = await harness.end();
    assert.equal(lines!.length, 1);
    // A reset throws away what the endpoint's own kernel had not sent: the proxy loses nothing that it had got.
    assert.equal(client.socket.bytesRead, lines![0]!["responseBytes"]);
  },
);

testWithHarness("a flood of connections, of which most say nothing or leave at once, harms nobody", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness, (connection) => {
    connection.socket.on("data", (chunk) => connection.send(chunk));
    connection.socket.on("end", () => connection.end());
  });
  const proxy = await harness.proxy({ threads: 2, ...tcpProxy([endpoint]) });
  const steady = await harness.raw();
  for (let round = 0; round < 10; round++) {
    const sockets = Array.from({ length: 100 }, (_, index) => {
      const socket = connect(proxy.port, "127.0.0.1");
      socket.on("error", () => {});
      if (index % 3 === 0) socket.once("connect", () => socket.resetAndDestroy());
      else if (index % 3 === 1) socket.end("bye");
      return socket;
    });
    harness.endWithClients(() => sockets.forEach((socket) => socket.destroy()));
    steady.send("x");
    await steady.untilReceived(round + 1);
    for (const socket of sockets) socket.destroy();
  }
  steady.end();
  await proxy.untilQuiet();
  await eventually(() => endpoint.openCount === 0, "nothing is left");
});

testWithHarness("an endpoint that no packet reaches is given up in time", async (harness) => {
  const proxy = await harness.proxy({
    ...tcpProxy([], {
      endpoints: ["tcp://192.0.2.1:9"],
      upstream: { timeouts: { connect: "200ms" }, retry: { attempts: 0 } },
    }),
  });
  const client = await harness.raw();
  client.send("x");
  await client.until(() => client.isClosed, "the session is given up");
  await proxy.untilQuiet();
  const [lines] = await harness.end();
  assert.match(String(lines![0]!["reason"]), /^UPSTREAM_CONNECT_/);
});
