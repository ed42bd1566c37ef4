/** Sessions of TCP over reloads, drains and the end of the proxy, inline and with threads. */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { type TcpConnection, TcpEndpoint, tcpProxy } from "../support/tcp-endpoint.ts";

/** Sends back what comes, and ends when the other side does. */
const echo = (connection: TcpConnection): void => {
  connection.socket.on("data", (chunk) => connection.send(chunk));
  connection.socket.on("end", () => connection.end());
};

for (const [title, threads] of modes) {
  testWithHarness(`sessions live on when their endpoint, route and listener are gone, ${title}`, async (harness) => {
    const [old, next] = [await TcpEndpoint.start(harness, echo), await TcpEndpoint.start(harness, echo)];
    const proxy = await harness.proxy({ threads, ...tcpProxy([old]) });
    const clients = await harness.raws(20);
    for (const client of clients) client.send("1");
    for (const client of clients) await client.untilReceived(1);
    await proxy.reload(tcpProxy([next]));
    const fresh = await harness.raw();
    fresh.send("new");
    await fresh.untilReceived(3);
    assert.equal(old.connections.length, 20);
    assert.ok(next.connections.length === 1);
    await proxy.reload({
      ...tcpProxy([next]),
      listener: { name: "other", mode: "tcp" },
      routes: [{ match: { listener: "other" }, upstream: "app" }],
    });
    for (const client of clients) client.send("2");
    for (const client of clients) await client.untilReceived(2);
    // An HTTP listener takes the place.
    await proxy.reload({ routes: [{ respond: { body: "http" } }] });
    for (const client of clients) client.send("3");
    for (const client of clients) await client.untilReceived(3);
    assert.equal((await harness.ask()).text, "http");
    const open = await proxy.inspect();
    assert.ok(open.upstreamConnections >= 21);
    for (const client of [...clients, fresh]) client.end();
    for (const client of [...clients, fresh]) await client.until(() => client.isClosed, "all ended");
    await eventually(() => old.openCount === 0 && next.openCount === 0, "nothing is left at the endpoints");
  });

  testWithHarness(`the end of the proxy waits for sessions, and resets what is left, ${title}`, async (harness) => {
    const endpoint = await TcpEndpoint.start(harness, echo);
    const proxy = await harness.proxy({ threads, ...tcpProxy([endpoint]) });
    const [quick, stubborn] = [await harness.raw(), await harness.raw()];
    for (const client of [quick, stubborn]) client.send("x");
    for (const client of [quick, stubborn]) await client.untilReceived(1);
    const closing = proxy.proxy.close({ graceMs: 1_000 });
    quick.send("y");
    await quick.untilReceived(2);
    quick.end();
    await quick.until(() => quick.isClosed, "the session has ended by itself");
    assert.equal(quick.error, null);
    await closing;
    await stubborn.until(() => stubborn.isClosed, "the other one is cut off");
    assert.equal(stubborn.error?.code, "ECONNRESET");
    await eventually(() => endpoint.openCount === 0, "so is its endpoint");
  });

  testWithHarness(`a drained endpoint gets no new sessions and keeps its own, ${title}`, async (harness) => {
    const endpoints = [await TcpEndpoint.start(harness, echo), await TcpEndpoint.start(harness, echo)];
    const proxy = await harness.proxy({ threads, ...tcpProxy(endpoints) });
    const before = await harness.raws(4);
    for (const client of before) client.send("x");
    for (const client of before) await client.untilReceived(1);
    const counts = endpoints.map(({ connections }) => connections.length);
    assert.ok(counts[0]! > 0);
    assert.ok(
      "endpoint" in
        proxy.proxy.endpointControl.apply("app", endpoints[0]!.url.slice("tcp://".length), { kind: "drain" }),
    );
    for (const client of await harness.raws(6)) {
      client.send("y");
      await client.untilReceived(1);
    }
    assert.deepEqual(
      endpoints.map(({ connections }) => connections.length),
      [counts[0], counts[1]! + 6],
    );
    for (const client of before) client.send("z");
    for (const client of before) await client.untilReceived(2);
  });
}
