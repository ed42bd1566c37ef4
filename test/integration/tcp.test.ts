/** Sessions of listeners with `mode: tcp`: bytes, ends and resets pass as they are; endpoints are found as for requests. */
import assert from "node:assert/strict";
import { freePort } from "../support/free-port.ts";
import { testWithHarness } from "../support/harness.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import { type TcpConnection, TcpEndpoint, tcpProxy } from "../support/tcp-endpoint.ts";

/** Says something, and ends when the other side does. */
const greet = (connection: TcpConnection): void => {
  connection.send("x");
  connection.socket.on("end", () => connection.end());
};

testWithHarness("bytes pass both ways, whoever speaks first, and the ends are passed on", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness, (connection) => connection.send("hello"));
  await harness.proxy(tcpProxy([endpoint]));
  const client = await harness.raw();
  await client.untilReceived(5);
  client.send("a question");
  const connection = await endpoint.connection();
  await connection.untilText("a question");
  client.end();
  await connection.until(() => connection.isEnded, "the end is passed on");
  // The endpoint may take its time.
  await loopTurns(5);
  connection.send(", goodbye");
  connection.end();
  await client.until(() => client.isClosed, "the session is over");
  assert.equal(client.received.toString(), "hello, goodbye");
  assert.equal(client.error, null);
  const [lines] = await harness.end();
  const [line, ...others] = lines!;
  assert.deepEqual(others, []);
  for (const key of ["time", "peer", "waitMs", "connectMs", "firstByteMs", "totalMs", "headMs"]) {
    assert.ok(line![key] !== null, key);
    delete line![key];
  }
  assert.deepEqual(line, {
    level: "info",
    listener: "main",
    route: "all",
    upstream: "app",
    endpoint: endpoint.url,
    clientIp: "127.0.0.1",
    scheme: "tcp",
    protocol: "tcp",
    serverName: null,
    status: 200,
    reason: null,
    attempts: 1,
    requestBytes: 10,
    responseBytes: 14,
  });
});

testWithHarness("a client that has ended its side before there is an endpoint is served", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness);
  await harness.proxy(tcpProxy([endpoint]));
  const client = await harness.raw();
  client.send("question");
  client.end();
  const connection = await endpoint.connection();
  await connection.until(() => connection.isEnded, "the end is passed on");
  await connection.untilText("question");
  connection.send("answer");
  connection.end();
  await client.until(() => client.isClosed, "the session is over");
  assert.equal(client.received.toString(), "answer");
});

testWithHarness("a reset is passed on as a reset, to either side", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness);
  const proxy = await harness.proxy(tcpProxy([endpoint]));
  const [first, second] = [await harness.raw(), await harness.raw()];
  first.send("1");
  second.send("2");
  await endpoint.connection(1);
  const of = (text: string): Promise<TcpConnection> =>
    eventually(() => endpoint.connections.some((one) => one.text === text), `${text} came`).then(
      () => endpoint.connections.find((one) => one.text === text)!,
    );
  const [toFirst, toSecond] = [await of("1"), await of("2")];
  first.reset();
  await toFirst.until(() => toFirst.isClosed, "the reset reaches the endpoint");
  assert.equal(toFirst.error?.code, "ECONNRESET");
  toSecond.reset();
  await second.until(() => second.isClosed, "the reset reaches the client");
  assert.equal(second.error?.code, "ECONNRESET");
  await proxy.untilQuiet();
  const metrics = await proxy.metrics();
  assert.deepEqual(metrics.by("millrace_sessions_total", "result"), { CLIENT_GONE: 1, UPSTREAM_RESET: 1 });
});

testWithHarness("an endpoint that cannot be reached is passed over", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness, (connection) => connection.send("here"));
  const dead = `tcp://127.0.0.1:${await freePort()}`;
  const proxy = await harness.proxy({ ...tcpProxy([endpoint]), endpoints: [dead, endpoint.url] });
  for (let count = 0; count < 6; count++) {
    const client = await harness.raw();
    await client.untilReceived(4);
    client.reset();
  }
  await proxy.untilQuiet();
  const metrics = await proxy.metrics();
  assert.ok(metrics.sum("millrace_retries_total") > 0);
  const [lines] = await harness.end();
  assert.equal(lines!.length, 6);
  assert.ok(lines!.every((line) => line["endpoint"] === endpoint.url));
});

testWithHarness("without an endpoint the client is reset, and the log says why", async (harness) => {
  const dead = `tcp://127.0.0.1:${await freePort()}`;
  await harness.proxy({ ...tcpProxy([]), endpoints: [dead] });
  const client = await harness.raw();
  await client.until(() => client.isClosed, "the connection is closed");
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ status, reason, detail, endpoint }) => ({ status, reason, detail, endpoint })),
    [{ status: 502, reason: "UPSTREAM_CONNECT_FAILED", detail: "ECONNREFUSED", endpoint: dead }],
  );
});

testWithHarness("a client that leaves while its endpoint is dialled leaves nothing behind", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness);
  const proxy = await harness.proxy(tcpProxy([endpoint]));
  for (let count = 0; count < 20; count++) {
    const client = await harness.raw();
    if (count % 2 === 0) client.send("x");
    client.reset();
  }
  await proxy.untilQuiet();
  await eventually(
    () => endpoint.connections.every(({ isEnded, isClosed }) => isEnded || isClosed),
    "the endpoint is left, too",
  );
});

testWithHarness("nothing is read of a side while the other one takes nothing", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness);
  const proxy = await harness.proxy(tcpProxy([endpoint]));
  const total = 64 * 1024 * 1024;
  const chunk = Buffer.alloc(1024 * 1024, 7);
  for (const way of ["up", "down"] as const) {
    const client = await harness.raw();
    const connection = await endpoint.connection(way === "up" ? 0 : 1);
    const [sender, receiver] = way === "up" ? [client, connection] : [connection, client];
    receiver.socket.pause();
    let sent = 0;
    while (sent < total && sender.socket.write(chunk)) sent += chunk.length;
    for (let at = sent; at < total; at += chunk.length) sender.socket.write(chunk);
    await loopTurns(50);
    const held = process.memoryUsage().arrayBuffers;
    // What the sender could not send waits in its own process; the proxy holds one read at most.
    assert.ok(sender.socket.writableLength > total / 2, "the sender is held up");
    receiver.socket.resume();
    await receiver.until(() => receiver.socket.bytesRead >= total, "everything came");
    assert.ok(receiver.received.every((byte) => byte === 7));
    assert.ok(held < 3 * total);
    client.reset();
    await proxy.untilQuiet();
  }
});

testWithHarness("a session in which nothing moves is given up", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness);
  await harness.proxy(tcpProxy([endpoint], { listener: { name: "main", mode: "tcp", timeouts: { idle: "300ms" } } }));
  const client = await harness.raw();
  const connection = await endpoint.connection();
  await Promise.all([
    client.until(() => client.isClosed, "the client is reset"),
    connection.until(() => connection.isClosed, "the endpoint is reset"),
  ]);
  assert.deepEqual([client.error?.code, connection.error?.code], ["ECONNRESET", "ECONNRESET"]);
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ reason, status }) => [reason, status]),
    [["SESSION_IDLE", 408]],
  );
});

testWithHarness("the limits of listener and upstream hold", async (harness) => {
  const endpoint = await TcpEndpoint.start(harness, (connection) => connection.send("x"));
  const proxy = await harness.proxy(
    tcpProxy([endpoint], {
      listener: { name: "main", mode: "tcp", limits: { connections: 10 } },
      upstream: { limits: { maxRequests: 1, maxPending: 1 } },
    }),
  );
  const first = await harness.raw();
  await first.untilReceived(1);
  const waiting = await harness.raw();
  await harness.raw().catch(() => {});
  await eventually(async () => {
    const metrics = await proxy.metrics();
    return metrics.by("millrace_sessions_total", "result")["QUEUE_FULL"] === 1;
  }, "the queue is full");
  assert.equal(waiting.received.length, 0);
  first.reset();
  await waiting.untilReceived(1);
  waiting.reset();
  await proxy.untilQuiet();
});

testWithHarness("ip-hash keeps a client at its endpoint, least-connections goes by open sessions", async (harness) => {
  const endpoints = await Promise.all([1, 2, 3].map(() => TcpEndpoint.start(harness, greet)));
  const hashed = await harness.proxy(tcpProxy(endpoints, { upstream: { balance: "ip-hash" } }));
  const clients = await harness.raws(6, hashed);
  for (const client of clients) await client.untilReceived(1);
  assert.deepEqual(endpoints.map(({ openCount }) => openCount).toSorted(), [0, 0, 6]);
  const even = await harness.proxy(tcpProxy(endpoints, { upstream: { balance: "least-connections" } }));
  for (const client of await harness.raws(9, even)) await client.untilReceived(1);
  assert.deepEqual(
    endpoints.map(({ connections }) => connections.length).toSorted((a, b) => a - b),
    [3, 3, 9],
  );
});
