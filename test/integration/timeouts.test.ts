/** How long routes wait, and for what they wait longer. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";

let upstream: ScriptedUpstream;
let proxy: ProxyUnderTest;
let client: RawClient;

beforeEach(async () => {
  upstream = await ScriptedUpstream.start({});
});

afterEach(async () => {
  client.destroy();
  await proxy.untilQuiet();
  await upstream.close();
  await proxy.untilEmpty();
  await proxy.close();
});

async function ask(
  target: string,
  timeouts: Record<string, string>,
  upstreamTimeouts: Record<string, string> = {},
  more: Record<string, unknown> = {},
): Promise<void> {
  proxy = await ProxyUnderTest.start({
    endpoints: [upstream.url],
    upstream: { timeouts: upstreamTimeouts, ...more },
    routes: [
      { match: { path: "/patient" }, upstream: "app" },
      { upstream: "app", timeouts },
    ],
  });
  client = await RawClient.connect(proxy.port);
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
}

async function reasonOf(): Promise<string> {
  const { status, body } = await client.response();
  return `${status} ${/\((\w+)\)/.exec(body.toString())?.[1]}`;
}

/** Answers after `pauseMs`, or with a pause in the middle. */
const slowly = (pauseMs: number, first: string, second: string) => ({
  onRequest(connection: UpstreamConnection) {
    if (first !== "") connection.send(first);
    setTimeout(() => connection.send(second), pauseMs);
  },
});
const late = slowly(700, "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

test("a route's own patience for the first byte replaces the upstream's, shorter or longer", async () => {
  upstream.script = late;
  await ask("/", { firstByte: "200ms" });
  assert.equal(await reasonOf(), "504 UPSTREAM_FIRST_BYTE_TIMEOUT");
  client.destroy();
  client = await RawClient.connect(proxy.port);
  client.send("GET /patient HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal((await client.response()).status, 200);
});

test("a route may be more patient than its upstream", async () => {
  upstream.script = late;
  await ask("/", { firstByte: "5s" }, { firstByte: "200ms" });
  assert.equal((await client.response()).status, 200);
});

test("a pause in an answer that is longer than the route allows breaks it off", async () => {
  upstream.script = slowly(1_500, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", "ok");
  await ask("/", { idle: "200ms" });
  const broken = await client.brokenResponse();
  assert.deepEqual([broken?.isComplete, broken?.body.toString()], [false, "ok"]);
});

for (const type of ["text/event-stream", "application/grpc"]) {
  test(`${type} may pause as it likes`, async () => {
    upstream.script = slowly(
      700,
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`,
      "2\r\nok\r\n0\r\n\r\n",
    );
    await ask("/", { idle: "200ms" });
    assert.equal((await client.response()).body.toString(), "okok");
  });
}

test("the total covers waiting in the queue", async () => {
  upstream.script = {};
  await ask("/patient", { total: "300ms" }, {}, { limits: { maxRequests: 1 } });
  await upstream.until(() => upstream.requests.length === 1, "the place is taken");
  const busy = client;
  client = await RawClient.connect(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(await reasonOf(), "504 TOTAL_TIMEOUT");
  busy.destroy();
});

test("the total covers retries", async () => {
  const other = await ScriptedUpstream.start();
  // Whichever is asked first breaks off at once; the retry is left without an answer.
  let isFirst = true;
  upstream.script = other.script = {
    onRequest: (connection) => {
      if (isFirst) connection.reset();
      isFirst = false;
    },
  };
  proxy = await ProxyUnderTest.start({
    endpoints: [upstream.url, other.url],
    routes: [{ upstream: "app", timeouts: { total: "2s" } }],
  });
  client = await RawClient.connect(proxy.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(await reasonOf(), "504 TOTAL_TIMEOUT");
  assert.deepEqual([upstream.requests.length, other.requests.length], [1, 1]);
  await other.close();
});
