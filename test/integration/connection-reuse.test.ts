/** Which connections to an endpoint serve again, and how many stay idle. */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { eventually } from "../support/signal.ts";
import { answerOk } from "../support/scripted-upstream.ts";

const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

testWithHarness("requests one after the other share one upstream connection", async (harness) => {
  const { upstream: first, client } = await harness.rawTrio();
  for (let at = 0; at < 10; at++) {
    client.send(get());
    assert.equal((await client.response()).status, 200);
  }
  assert.equal(first.connections.length, 1);
});

testWithHarness("a connection that the endpoint keeps for less than a second is not used again", async (harness) => {
  const { upstream: first, client } = await harness.rawTrio();
  first.script = {
    onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n"),
  };
  for (let at = 0; at < 3; at++) {
    client.send(get());
    assert.equal((await client.response()).status, 200);
  }
  assert.equal(first.connections.length, 3);
});

testWithHarness(
  "HEAD keeps its connection: GET, HEAD, GET, HEAD by one client and by many use one",
  async (harness) => {
    const { upstream: first, client } = await harness.rawTrio();
    for (let turn = 0; turn < 3; turn++) {
      for (const method of ["GET", "HEAD", "HEAD"]) {
        client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal((await client.response(method)).status, 200);
        const other = await harness.raw();
        other.send(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        assert.equal((await other.response(method)).status, 200);
      }
    }
    assert.equal(first.connections.length, 1);
  },
);

testWithHarness(
  "an endpoint that has once sent content behind HEAD gets a new connection after each",
  async (harness) => {
    const { upstream: first, client, proxy } = await harness.rawTrio();
    first.script = {
      onRequest: (connection, { method, target }) => {
        connection.send(
          `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${method === "HEAD" && target === "/clean" ? "" : "ok"}`,
        );
      },
    };
    client.send("HEAD /careless HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.response("HEAD");
    client.send("HEAD /clean HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.response("HEAD");
    await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "neither is kept");
  },
);

testWithHarness(
  "a connection to which not all of a request could be written is not used again, although the answer came",
  async (harness) => {
    const { upstream: first, client } = await harness.rawTrio();
    first.script = {};
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 50005\r\n\r\nhello");
    await first.until(
      () => first.connections.some(({ received }) => received.toString("latin1").endsWith("hello")),
      "the request arrived",
    );
    // All of it is there when the proxy looks again, and it meets the client's bytes first: its write fails.
    client.send(`${"x".repeat(50_000)}POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok`);
    const { socket } = first.connections[0]!;
    socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    socket.resetAndDestroy();
    first.script = answerOk;
    assert.equal((await client.response()).status, 413);
    assert.equal((await client.response()).status, 200);
  },
);

testWithHarness("an idle connection that says anything is dropped", async (harness) => {
  const { upstream: first, client, proxy } = await harness.rawTrio();
  client.send(get("/1"));
  await client.response();
  first.connections[0]?.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned");
  await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the connection was dropped");
  client.send(get("/2"));
  assert.equal((await client.response()).body.toString(), "ok");
  assert.equal(first.connections.length, 2);
});

testWithHarness("an idle connection that the endpoint closes is forgotten", async (harness) => {
  const { upstream: first, client, proxy } = await harness.rawTrio();
  client.send(get("/1"));
  await client.response();
  first.connections[0]?.end();
  await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the connection was dropped");
  client.send(get("/2"));
  assert.equal((await client.response()).status, 200);
});

testWithHarness("idle connections expire", async (harness) => {
  const { client, proxy, upstream: first } = await harness.rawTrio({ upstream: { pool: { idleTimeout: "200ms" } } });
  client.send(get());
  await client.response();
  await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the idle connection expired");
  await eventually(() => first.openCount === 0, "and was closed");
});

testWithHarness("no more connections stay idle than the pool may keep", async (harness) => {
  const { proxy, upstream: first } = await harness.rawTrio({ upstream: { pool: { maxIdle: 2 } } });
  first.script = {};
  const clients = await harness.raws(6);
  for (const each of clients) each.send(get());
  await first.until(() => first.requests.length === 6, "all six were asked at once");
  for (const connection of first.connections) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  for (const each of clients) assert.equal((await each.response()).status, 200);
  await proxy.untilOpen(
    ({ idleUpstreamConnections, upstreamConnections }) => idleUpstreamConnections === 2 && upstreamConnections === 2,
    "two are kept",
  );
});
