/**
 * Answers that come before the request is complete, and expectations (RFC 9110 section 10.1.1, RFC 9112 section 9.3 and
 * 9.6).
 */
import assert from "node:assert/strict";
import { silence } from "../support/endpoint.ts";
import { testOverProtocols, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { RawClient } from "../support/raw-client.ts";
import { answerOk, type ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";
import { eventually } from "../support/signal.ts";
import { valuesOf, type WireResponse } from "../support/wire-reader.ts";

testOverProtocols("an answer that comes while the upload still runs reaches the client at once", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: silence });
  endpoint.onHead = (asked) => asked.answer({ status: 413, body: "big" });
  const exchange = client.begin({ method: "POST", length: 1_000_000 });
  exchange.send("hello");
  const { status, text } = await exchange.answer();
  assert.equal(`${status} ${text}`, "413 big");
});

testOverProtocols(
  "an early answer to a client that never finishes its upload ends by the body timeout",
  async (harness) => {
    const { client, endpoint } = await harness.trio({
      behaviour: silence,
      listener: { timeouts: { body: "300ms" } },
    });
    endpoint.onHead = (asked) => asked.answer({ body: "early" });
    const exchange = client.begin({ method: "POST", length: 1_000 });
    exchange.send("hello");
    assert.equal((await exchange.answer()).status, 200);
    await exchange.untilOver();
  },
);

testOverProtocols("a client that waits for 100 gets it, then its body goes through", async (harness) => {
  const { client, endpoint } = await harness.trio();
  // The expectation is the endpoint's to meet.
  endpoint.onHead = (asked) => {
    assert.deepEqual(asked.request.values("expect"), ["100-continue"]);
    asked.interim(100);
  };
  const exchange = client.begin({ method: "POST", fields: { expect: "100-continue" }, length: 5 });
  assert.deepEqual(await exchange.interim(1), [{ status: 100, fields: [] }]);
  exchange.send("hello");
  const answer = await exchange.answer();
  assert.equal(answer.status, 200);
  assert.deepEqual(
    answer.interim.map(({ status }) => status),
    [100],
  );
  assert.equal(endpoint.requests[0]?.text, "hello");
});

testOverProtocols(
  "a refusal in place of 100 reaches a client that waits, and its unsent body is not missed",
  async (harness) => {
    const { client } = await harness.trio({ routes: [{ respond: { status: 403, body: "no" } }] });
    const exchange = client.begin({ method: "POST", fields: { expect: "100-continue" }, length: 5 });
    assert.equal((await exchange.answer()).status, 403);
    client.end();
    await client.untilOver();
  },
);

testOverProtocols(
  "an endpoint that knows nothing of Expect keeps no client waiting: after a second it is told to go on",
  async (harness) => {
    const { client, endpoint } = await harness.trio({ behaviour: silence });
    const exchange = client.begin({ method: "PUT", fields: { expect: "100-continue" }, length: 5 });
    assert.deepEqual(await exchange.interim(1), [{ status: 100, fields: [] }]);
    exchange.send("hello");
    assert.equal((await endpoint.asked()).request.text, "hello");
    await client.close();
  },
);

interface Parts {
  readonly upstream: ScriptedUpstream;
  readonly proxy: ProxyUnderTest;
  readonly client: RawClient;
}

/** A test with a client, a proxy and an endpoint that are given bytes. */
function testEarly(name: string, run: (parts: Parts) => Promise<void>): void {
  testWithHarness(name, async (harness) => run(await harness.rawTrio()));
}

/** Answers when the head and the first body bytes are there. */
function answerEarly(upstream: ScriptedUpstream, answer: string): { connection: UpstreamConnection | null } {
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

testEarly(
  "after an early answer with close, the rest of the upload is not parsed as a request, and the upstream connection is not used again",
  async ({ upstream, client }) => {
    const seen = answerEarly(upstream, "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
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
  },
);

testEarly(
  "after an early answer without close, a request behind the upload is served only when the upload is complete",
  async ({ upstream, client }) => {
    const seen = answerEarly(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
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
  },
);

testEarly(
  "an answer of the proxy's own does not leave the request's body to be parsed as a request",
  async ({ upstream, proxy, client }) => {
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
  },
);

testEarly(
  "an answer of the proxy's own to an endless upload ends in a closed connection",
  async ({ upstream, proxy, client }) => {
    await proxy.reload({ endpoints: [upstream.url], routes: [{ respond: { status: 200, body: "own" } }] });
    client.send("POST /own HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000000\r\n\r\n");
    assert.equal((await client.response()).body.toString(), "own");
    const more = Buffer.alloc(65_536);
    client.socket.on("drain", () => client.send(more));
    client.send(more);
    await client.untilOver();
  },
);

/** The answer to a client that reads nothing before it has sent 8 MB. */
async function answerToWholeUpload(client: RawClient): Promise<WireResponse> {
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

testEarly(
  "a client that sends its whole body before it reads is not cut off: the answer of the proxy's own is there for it",
  async ({ upstream, proxy, client }) => {
    await proxy.reload({
      endpoints: [upstream.url],
      routes: [{ middlewares: [{ bodyLimit: { maxRequestBytes: "1MiB" } }], upstream: "app" }],
    });
    const response = await answerToWholeUpload(client);
    assert.equal(response.status, 413);
    assert.deepEqual(valuesOf(response, "connection"), ["close"]);
    assert.equal(client.error, null);
  },
);

testEarly("the same if an endpoint that takes nothing of the body answers", async ({ upstream, client }) => {
  upstream.script = {
    onConnection: (connection) => {
      connection.isRaw = true;
      connection.socket.pause();
      connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    },
  };
  const response = await answerToWholeUpload(client);
  assert.equal(response.status, 401);
  assert.equal(client.error, null);
});

testEarly(
  "an endpoint that answers and breaks off, because it wants nothing of the body, is heard",
  async ({ upstream, client }) => {
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
  },
);

for (const [length, connection] of [
  [1_000_000, []],
  [100_000_000, ["close"]],
] as const) {
  testEarly(
    `an early answer to an upload of ${length} bytes says whether the connection serves on`,
    async ({ upstream, client }) => {
      answerEarly(upstream, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nhello`);
      assert.deepEqual(valuesOf(await client.response(), "connection"), connection);
    },
  );
}
