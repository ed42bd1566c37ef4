/**
 * Answers that come before the request is complete, and expectations (RFC 9110 section 10.1.1, RFC 9112 section 9.3 and
 * 9.6).
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";
import { eventually } from "../support/signal.ts";
import { valuesOf, type WireResponse } from "../support/wire-reader.ts";

let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;
let client: RawClient;

beforeEach(async () => {
  upstream = await ScriptedUpstream.start(answerOk);
  proxy = await ProxyUnderTest.start({ endpoints: [upstream.url] });
  client = await RawClient.connect(proxy.port);
});

afterEach(async () => {
  client.destroy();
  await proxy.untilQuiet();
  await upstream.close();
  await proxy.untilEmpty();
  await proxy.close();
});

/** Answers when the head and the first body bytes are there. */
function answerEarly(answer: string): { connection: UpstreamConnection | null } {
  const seen: { connection: UpstreamConnection | null } = { connection: null };
  upstream.script = {
    onData: (connection) => {
      if (seen.connection !== null || connection.partialRequest === null || connection.partialRequest.body.length === 0)
        return;
      seen.connection = connection;
      connection.send(answer);
    },
  };
  return seen;
}

test("an answer that comes while the upload still runs reaches the client at once", async () => {
  answerEarly("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello");
  const response = await client.response();
  assert.equal(`${response.status} ${response.body.toString()}`, "413 big");
});

test("after an early answer with close, the rest of the upload is not parsed as a request, and the upstream connection is not used again", async () => {
  const seen = answerEarly("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${5 + smuggled.length}\r\n\r\nhello`);
  assert.equal((await client.response()).status, 401);
  upstream.script = answerOk;
  client.send(smuggled);
  client.end();
  await client.untilOver();
  assert.equal(client.unread.toString("latin1"), "", "no second answer");
  await seen.connection?.untilOver();
  assert.deepEqual(
    upstream.requests.map(({ target }) => target),
    [],
  );
});

test("after an early answer without close, a request behind the upload is served only when the upload is complete", async () => {
  const seen = answerEarly("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  const early = await client.response();
  assert.equal(early.body.toString(), "early");
  // Its request was never completed: nobody may be served on that connection.
  await seen.connection?.untilOver();
  upstream.script = answerOk;
  client.send("0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  client.end();
  await client.untilOver();
  // Whether the connection is kept is the proxy's choice; if it is, the next answer must be the right one.
  if (client.unread.length > 0) assert.equal((await client.response()).status, 200);
  assert.ok(upstream.requests.every(({ target }) => target === "/" || target === "/next"));
});

test("an early answer to a client that never finishes its upload ends by the body timeout", async () => {
  await proxy.reload({ endpoints: [upstream.url], listener: { timeouts: { body: "300ms" } } });
  answerEarly("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhello");
  assert.equal((await client.response()).status, 200);
  await client.untilOver();
});

test("a client that waits for 100 gets it, then its body goes through", async () => {
  // The expectation is the endpoint's to meet.
  let isContinued = false;
  upstream.script = {
    ...answerOk,
    onData: (connection) => {
      if (isContinued || connection.partialRequest === null) return;
      isContinued = true;
      assert.deepEqual(valuesOf(connection.partialRequest, "expect"), ["100-continue"]);
      connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    },
  };
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await client.until(() => client.received.includes("\r\n\r\n"), "an interim answer came");
  assert.match(client.received.toString("latin1"), /^HTTP\/1\.1 100 Continue\r\n/);
  client.send("hello");
  const response = await client.response();
  assert.equal(response.status, 200);
  assert.deepEqual(
    response.interim.map(({ status }) => status),
    [100],
  );
  assert.equal(upstream.requests[0]?.body.toString(), "hello");
});

test("a refusal in place of 100 reaches a client that waits, and its unsent body is not missed", async () => {
  await proxy.reload({ endpoints: [upstream.url], routes: [{ respond: { status: 403, body: "no" } }] });
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  const response = await client.response();
  assert.equal(response.status, 403);
  client.end();
  await client.untilOver();
  assert.equal(client.unread.length, 0);
});

test("an answer of the proxy's own does not leave the request's body to be parsed as a request", async () => {
  await proxy.reload({
    endpoints: [upstream.url],
    routes: [{ match: { path: "/own" }, respond: { status: 200, body: "own" } }, { upstream: "app" }],
  });
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  client.send(
    `POST /own HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  assert.equal((await client.response()).body.toString(), "own");
  client.end();
  await client.untilOver();
  if (client.unread.length > 0) assert.equal((await client.response()).body.toString(), "ok");
  assert.ok(upstream.requests.every(({ target }) => target === "/next"));
});

test("an answer of the proxy's own to an endless upload ends in a closed connection", async () => {
  await proxy.reload({ endpoints: [upstream.url], routes: [{ respond: { status: 200, body: "own" } }] });
  client.send("POST /own HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000000\r\n\r\n");
  assert.equal((await client.response()).body.toString(), "own");
  const more = Buffer.alloc(65_536);
  client.socket.on("drain", () => client.send(more));
  client.send(more);
  await client.untilOver();
});

/** The answer to a client that reads nothing before it has sent 8 MB. */
async function answerToWholeUpload(): Promise<WireResponse> {
  client.socket.pause();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
  for (let sent = 0; sent < 8_000_000; sent += 100_000) client.send(Buffer.alloc(100_000));
  await eventually(
    () => client.socket.writableLength === 0 || client.isClosed,
    () => `${client.socket.writableLength} bytes are not sent`,
  );
  client.socket.resume();
  return client.response();
}

test("a client that sends its whole body before it reads is not cut off: the answer of the proxy's own is there for it", async () => {
  await proxy.reload({
    endpoints: [upstream.url],
    routes: [{ middlewares: [{ bodyLimit: { maxRequestBytes: "1MiB" } }], upstream: "app" }],
  });
  const response = await answerToWholeUpload();
  assert.equal(response.status, 413);
  assert.deepEqual(valuesOf(response, "connection"), ["close"]);
  assert.equal(client.error, null);
});

test("the same where an endpoint that takes nothing of the body answers", async () => {
  upstream.script = {
    onConnection: (connection) => {
      connection.isRaw = true;
      connection.socket.pause();
      connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    },
  };
  const response = await answerToWholeUpload();
  assert.equal(response.status, 401);
  assert.equal(client.error, null);
});

test("an endpoint that answers and breaks off, because it wants nothing of the body, is heard", async () => {
  upstream.script = {};
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello");
  await eventually(
    () => upstream.connections.some(({ received }) => received.toString("latin1").endsWith("hello")),
    "the request arrived",
  );
  // All of it is there when the proxy looks again, and it meets the client's bytes first.
  client.send(Buffer.alloc(50_000));
  const { socket } = upstream.connections[0]!;
  socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  socket.resetAndDestroy();
  assert.equal((await client.response()).status, 413);
});

for (const [length, connection] of [
  [1_000_000, []],
  [100_000_000, ["close"]],
] as const) {
  test(`an early answer to an upload of ${length} bytes says whether the connection serves on`, async () => {
    answerEarly("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nhello`);
    assert.deepEqual(valuesOf(await client.response(), "connection"), connection);
  });
}

test("an endpoint that knows nothing of Expect keeps no client waiting: after a second it is told to go on", async () => {
  const upstream = await ScriptedUpstream.start({
    onConnection: (connection) => {
      connection.isRaw = true;
    },
  });
  const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url] });
  const client = await RawClient.connect(proxy.port);
  try {
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    await eventually(() => client.received.includes("HTTP/1.1 100 Continue\r\n\r\n"), "the client may go on");
    client.send("hello");
    await eventually(
      () => upstream.connections.some((connection) => connection.received.toString("latin1").endsWith("hello")),
      "the body arrived",
    );
    await client.close();
  } finally {
    client.destroy();
    await proxy.untilQuiet();
    await upstream.close();
    await proxy.untilEmpty();
    await proxy.close();
  }
});
