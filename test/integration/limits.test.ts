/**
 * Waits and sizes have ends (threats of exhaustion): slow heads, slow bodies, slow readers, idle connections, too many
 * requests, silent endpoints.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyUnderTest, type ProxyOptions } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, ScriptedUpstream, type Script } from "../support/scripted-upstream.ts";

interface Parts {
  readonly upstream: ScriptedUpstream;
  readonly proxy: ProxyUnderTest;
  readonly client: RawClient;
}

async function withProxy(options: ProxyOptions, script: Script, run: (parts: Parts) => Promise<void>): Promise<void> {
  const upstream = await ScriptedUpstream.start(script);
  const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url], ...options });
  const client = await RawClient.connect(proxy.port);
  try {
    await run({ upstream, proxy, client });
  } finally {
    client.destroy();
    await proxy.untilQuiet();
    await upstream.close();
    await proxy.untilEmpty();
    await proxy.close();
  }
}

const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Sends `bytes` one by one, a few milliseconds apart, until the connection is over. */
async function drip(client: RawClient, bytes: string): Promise<void> {
  for (const byte of bytes) {
    if (client.isOver) return;
    client.send(byte);
    await new Promise<void>((resolve) => setTimeout(resolve, 10));
  }
}

test("a head that drips in byte by byte is cut off by the head's total deadline", () =>
  withProxy({ listener: { timeouts: { head: "200ms" } } }, answerOk, async ({ client, upstream }) => {
    void drip(client, `GET / HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(500)}`);
    assert.equal((await client.response()).status, 408);
    await client.untilOver();
    assert.equal(upstream.requests.length, 0);
  }));

test("empty lines do not hold a connection open", () =>
  withProxy({ listener: { timeouts: { head: "200ms", keepAlive: "200ms" } } }, answerOk, async ({ client }) => {
    void drip(client, "\r\n".repeat(500));
    await client.untilOver();
  }));

for (const rest of ["\r\n", "\r\n\r\n", "\r"]) {
  test(`${JSON.stringify(rest)} behind a request is no request: the connection is idle, and ends without a word`, () =>
    withProxy({ listener: { timeouts: { head: "1h", keepAlive: "200ms" } } }, answerOk, async ({ client }) => {
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${rest}`);
      assert.equal((await client.response()).status, 200);
      await client.untilOver();
      assert.equal(client.unread.length, 0);
    }));

  test(`${JSON.stringify(rest)} ahead of the client's FIN is not answered`, () =>
    withProxy({}, answerOk, async ({ client }) => {
      client.send(`${get()}${rest}`);
      client.end();
      assert.equal((await client.response()).status, 200);
      await client.untilOver();
      assert.equal(client.unread.length, 0);
    }));
}

test("a body that stops is cut off by the body's deadline, upstream too", () =>
  withProxy({ listener: { timeouts: { body: "200ms" } } }, answerOk, async ({ client, upstream }) => {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    assert.equal((await client.response()).status, 408);
    await client.untilOver();
    await upstream.until(() => upstream.openCount === 0, "the attempt was cancelled");
    assert.equal(upstream.requests.length, 0);
  }));

test("an idle kept connection is closed without a word", () =>
  withProxy({ listener: { timeouts: { keepAlive: "200ms" } } }, answerOk, async ({ client }) => {
    client.send(get());
    await client.response();
    await client.untilOver();
    assert.equal(client.unread.length, 0);
  }));

test("a connection that never says anything is closed", () =>
  withProxy({ listener: { timeouts: { head: "200ms", keepAlive: "200ms" } } }, answerOk, async ({ client }) => {
    await client.untilOver();
  }));

test("a client that does not read is cut off by the write deadline", () =>
  withProxy(
    { listener: { timeouts: { write: "200ms" } } },
    {
      onRequest: (connection) => {
        const block = Buffer.alloc(1_048_576);
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * block.length}\r\n\r\n`);
        for (let at = 0; at < 64; at++) connection.send(block);
      },
    },
    async ({ client, proxy, upstream }) => {
      client.socket.pause();
      client.send(get());
      await upstream.until(() => upstream.requests.length === 1, "the endpoint was asked");
      await proxy.untilOpen(
        ({ exchanges, connections }) => exchanges === 0 && connections === 0,
        "the client was given up",
      );
      await upstream.until(() => upstream.openCount === 0, "the attempt was cancelled");
    },
  ));

test("an endpoint that never answers gives 504", () =>
  withProxy({ upstream: { timeouts: { firstByte: "200ms" } } }, {}, async ({ client, upstream }) => {
    client.send(get());
    const response = await client.response();
    assert.equal(response.status, 504);
    assert.match(response.body.toString(), /UPSTREAM_FIRST_BYTE_TIMEOUT/);
    await upstream.until(() => upstream.openCount === 0, "the attempt was cancelled");
  }));

test("an endpoint that sends only interim answers gives 504", () =>
  withProxy(
    { upstream: { timeouts: { firstByte: "300ms" } } },
    {
      onRequest: (connection) => {
        let count = 0;
        const timer = setInterval(() => {
          connection.send("HTTP/1.1 102 Processing\r\n\r\n");
          if (++count === 10 || connection.isClosed) clearInterval(timer);
        }, 50);
      },
    },
    async ({ client }) => {
      client.send(get());
      assert.equal((await client.response()).status, 504);
    },
  ));

test("an endpoint that stops within its answer breaks it off", () =>
  withProxy(
    { upstream: { timeouts: { idle: "200ms" } } },
    { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello") },
    async ({ client }) => {
      client.send(get());
      const response = await client.brokenResponse();
      assert.equal(response?.isComplete, false);
    },
  ));

test("a request that takes longer than its route allows gives 504", () =>
  withProxy({ routes: [{ upstream: "app", timeouts: { total: "200ms" } }] }, {}, async ({ client }) => {
    client.send(get());
    assert.equal((await client.response()).status, 504);
  }));

test("a body above the limit is refused, announced or not", async () => {
  for (const request of [
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n",
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${"x".repeat(2000)}\r\n0\r\n\r\n`,
  ]) {
    await withProxy({ listener: { limits: { bodyBytes: "1KiB" } } }, answerOk, async ({ client, upstream }) => {
      client.send(request);
      assert.equal((await client.response()).status, 413);
      await client.untilOver();
      assert.equal(upstream.requests.length, 0);
    });
  }
});

test("a connection serves no more requests than it may", () =>
  withProxy({ listener: { limits: { requestsPerConnection: 3 } } }, answerOk, async ({ client, upstream }) => {
    client.send(get().repeat(5));
    for (let at = 0; at < 3; at++) assert.equal((await client.response()).status, 200);
    await client.untilOver();
    assert.equal(client.unread.length, 0);
    assert.equal(upstream.requests.length, 3);
  }));

test("connections above the limit are not served, and room is made by those that go", () =>
  withProxy({ listener: { limits: { connections: 2 } } }, answerOk, async ({ client, proxy }) => {
    client.send(get());
    await client.response();
    const second = await RawClient.connect(proxy.port);
    second.send(get());
    await second.response();
    const third = await RawClient.connect(proxy.port);
    third.send(get());
    await third.untilOver();
    if (third.received.length > 0) assert.equal((await third.response()).status, 503);
    third.destroy();
    await second.close();
    await proxy.untilOpen(({ connections }) => connections === 1, "room was made");
    const fourth = await RawClient.connect(proxy.port);
    fourth.send(get());
    assert.equal((await fourth.response()).status, 200);
    fourth.destroy();
  }));

test("pipelined requests are answered in order, whatever each takes", () =>
  withProxy({}, {}, async ({ client, upstream }) => {
    const held: (() => void)[] = [];
    upstream.script = {
      onRequest: (connection, { target }) => {
        const answer = (): void =>
          connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
        if (target === "/0") held.push(answer);
        else answer();
      },
    };
    client.send(Array.from({ length: 50 }, (_, at) => get(`/${at}`)).join(""));
    await upstream.until(() => held.length === 1, "the first was asked");
    assert.equal(client.received.length, 0, "nothing overtakes the first");
    held[0]?.();
    for (let at = 0; at < 50; at++) assert.equal((await client.response()).body.toString(), `/${at}`);
  }));

test("a flood of pipelined requests behind one that waits is not read without bound", () =>
  withProxy({}, {}, async ({ client, upstream }) => {
    client.send(get("/wait"));
    await upstream.until(() => upstream.requests.length === 1, "the first was asked");
    const block = get().repeat(2_000);
    for (let at = 0; at < 1_000; at++) client.socket.write(block, "latin1");
    // The kernel's buffers take a few megabytes of the 78; the rest must wait on the client's side.
    for (let still = 0, before = -1; still < 300; still++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (client.socket.writableLength !== before) still = 0;
      before = client.socket.writableLength;
    }
    assert.ok(client.socket.writableLength > 40_000_000, `${client.socket.writableLength} bytes are still unsent`);
    client.destroy();
    upstream.script = answerOk;
    upstream.breakConnections();
  }));

test("requests that are held at an endpoint stay within its limit when it is removed from the configuration and added again", async () => {
  const held: (() => void)[] = [];
  const upstream = await ScriptedUpstream.start({
    onRequest: (connection) => held.push(() => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
  });
  const other = await ScriptedUpstream.start(answerOk);
  const optionsOf = (...endpoints: string[]): ProxyOptions => ({
    endpoints,
    upstream: { limits: { maxRequestsPerEndpoint: 1, maxPending: 0 } },
  });
  const proxy = await ProxyUnderTest.start(optionsOf(upstream.url));
  const [first, second] = [await RawClient.connect(proxy.port), await RawClient.connect(proxy.port)];
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  try {
    first.send(get);
    await upstream.until(() => upstream.requests.length === 1, "the first is held");
    await proxy.reload(optionsOf(other.url));
    second.send(get);
    assert.equal((await second.response()).status, 200);
    await proxy.reload(optionsOf(upstream.url));
    second.send(get);
    assert.equal((await second.response()).status, 503);
    assert.equal(upstream.requests.length, 1);
    for (const answer of held.splice(0)) answer();
    assert.equal((await first.response()).status, 200);
    second.send(get);
    await upstream.until(() => held.length === 1, "there is room again");
    for (const answer of held) answer();
    assert.equal((await second.response()).status, 200);
  } finally {
    first.destroy();
    second.destroy();
    await proxy.untilQuiet();
    await upstream.close();
    await other.close();
    await proxy.untilEmpty();
    await proxy.close();
  }
});
