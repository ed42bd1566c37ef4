/** One side goes away: the other side's connection follows, visibly, and nothing is left. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";

let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;

beforeEach(async () => {
  upstream = await ScriptedUpstream.start({});
  proxy = await ProxyUnderTest.start({ endpoints: [upstream.url] });
});

afterEach(async () => {
  await proxy.untilQuiet();
  await upstream.close();
  await proxy.untilEmpty();
  await proxy.close();
});

async function onlyConnection(): Promise<UpstreamConnection> {
  await upstream.until(
    () => upstream.connections[0] !== undefined && upstream.connections[0].received.length > 0,
    "the endpoint was asked",
  );
  const [connection] = upstream.connections;
  assert.ok(connection);
  return connection;
}

test("a client that breaks off before the answer cancels the attempt", async () => {
  const client = await RawClient.connect(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const connection = await onlyConnection();
  client.reset();
  await connection.untilOver();
});

test("a client that pipelines and breaks off while its first request waits cancels the attempt", async () => {
  const client = await RawClient.connect(proxy.port);
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  const connection = await onlyConnection();
  client.reset();
  await connection.untilOver();
  assert.deepEqual(
    upstream.requests.map(({ target }) => target),
    ["/1"],
  );
});

test("a client that breaks off within the answer cancels the attempt", async () => {
  upstream.script = {
    onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
  };
  const client = await RawClient.connect(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const connection = await onlyConnection();
  await client.until(() => client.received.includes("hello"), "the first bytes came");
  client.reset();
  await connection.untilOver();
});

test("a client that breaks off within its upload cancels the attempt, and the endpoint never sees a complete request", async () => {
  const client = await RawClient.connect(proxy.port);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  const connection = await onlyConnection();
  await upstream.until(() => connection.received.includes("hello"), "the first bytes came");
  client.reset();
  await connection.untilOver();
  assert.equal(connection.requests.length, 0);
});

test("an endpoint that breaks off within its answer breaks the client's answer off", async () => {
  for (const framing of ["Content-Length: 100", "Transfer-Encoding: chunked", "X: close-delimited"]) {
    upstream.forget();
    upstream.script = {
      onRequest: (connection) =>
        connection.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${framing.startsWith("T") ? "5\r\nhello\r\n" : "hello"}`),
    };
    const client = await RawClient.connect(proxy.port);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(() => client.received.includes("hello"), "the first bytes came");
    upstream.connections.at(-1)?.reset();
    const response = await client.brokenResponse();
    assert.equal(response?.isComplete, false, framing);
    client.destroy();
  }
});

test("an endpoint that breaks off within its answer to HTTP/1.0 breaks the connection, whose end would else be the answer's", async () => {
  for (const framing of ["Transfer-Encoding: chunked", "X: close-delimited"]) {
    upstream.forget();
    upstream.script = {
      onRequest: (connection) =>
        connection.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${framing.startsWith("T") ? "5\r\nhello\r\n" : "hello"}`),
    };
    const client = await RawClient.connect(proxy.port);
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    await client.until(() => client.received.includes("hello"), "the first bytes came");
    upstream.connections.at(-1)?.reset();
    await client.untilOver();
    assert.equal(client.error?.code, "ECONNRESET", framing);
    client.destroy();
  }
});

test("an endpoint that breaks off within the upload gives the client a 502", async () => {
  const client = await RawClient.connect(proxy.port);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
  const connection = await onlyConnection();
  await upstream.until(() => connection.received.includes("hello"), "the first bytes came");
  connection.reset();
  assert.equal((await client.response()).status, 502);
  client.destroy();
});

test("a half-closed client still gets its answer while bytes flow", async () => {
  const client = await RawClient.connect(proxy.port);
  upstream.script = { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel") };
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.end();
  await client.until(() => client.received.includes("hel"), "the first bytes came");
  upstream.connections[0]?.send("lo");
  assert.equal((await client.response()).body.toString(), "hello");
  await client.close();
});

test("a half-closed client whose answer does not come is given up", async () => {
  const client = await RawClient.connect(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const connection = await onlyConnection();
  client.end();
  await connection.untilOver();
  await client.untilOver();
});
