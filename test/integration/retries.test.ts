/** Attempts that fail and are followed by others. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type LogLine, ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, type Script, ScriptedUpstream } from "../support/scripted-upstream.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";

const answer = (status: number, fields = "", body = "sorry"): Script => ({
  onRequest: (connection) =>
    connection.send(`HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`),
});
const breakOff: Script = { onRequest: (connection) => connection.reset() };
const silence: Script = {};

let one: ScriptedUpstream;
let other: ScriptedUpstream;
let proxy: ProxyUnderTest;

beforeEach(async () => {
  one = await ScriptedUpstream.start();
  other = await ScriptedUpstream.start();
});

async function start(upstream: Record<string, unknown> = {}): Promise<RawClient> {
  proxy = await ProxyUnderTest.start({ endpoints: [one.url, other.url], upstream });
  return RawClient.connect(proxy.port);
}

/** Ends everything. @returns the access log */
async function stop(client: RawClient): Promise<LogLine[]> {
  client.destroy();
  await proxy.untilQuiet();
  await one.close();
  await other.close();
  await proxy.untilEmpty();
  return proxy.close();
}

afterEach(() => {
  assert.deepEqual([...one.violations, ...other.violations], []);
});

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
const put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";

async function ask(client: RawClient, request: string): Promise<string> {
  client.send(request);
  const { status, body } = await client.response();
  return `${status} ${body.toString()}`;
}

test("a request that an endpoint fails is answered by the other", async () => {
  for (const script of [
    answer(503),
    answer(502),
    answer(504, "X: y\r\n"),
    answer(503, "Retry-After: 1\r\n"),
    breakOff,
  ]) {
    one.script = script;
    const client = await start();
    for (const request of [get, put, get, put]) assert.equal(await ask(client, request), "200 ok");
    const lines = await stop(client);
    assert.deepEqual(
      lines.map(({ attempts, status, reason }) => [attempts, status, reason]),
      [
        [2, 200, null],
        [1, 200, null],
        [2, 200, null],
        [1, 200, null],
      ],
    );
    one = await ScriptedUpstream.start();
    other = await ScriptedUpstream.start();
  }
  await one.close();
  await other.close();
});

test("a failing answer is swallowed, and its connection is kept where it is small", async () => {
  one.script = answer(503, "", "x".repeat(10_000));
  const client = await start();
  for (let count = 0; count < 6; count++) assert.equal(await ask(client, get), "200 ok");
  assert.equal(one.connections.length, 1, "one connection carried all failing answers");
  one.script = {
    onRequest: (connection) => connection.send("HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\n"),
  };
  assert.equal(await ask(client, get), "200 ok");
  await one.connections[0]!.untilOver();
  await stop(client);
});

test("what may have been done is not repeated: the failure is the answer", async () => {
  one.script = answer(503);
  const client = await start();
  assert.equal(await ask(client, post), "503 sorry");
  assert.equal(await ask(client, post), "200 ok");
  one.script = breakOff;
  assert.match(await ask(client, post), /^502 .*UPSTREAM_RESET/);
  await stop(client);
});

test("a 503 that asks for more patience than we have is passed on with its fields", async () => {
  one.script = answer(503, "Retry-After: 30\r\n");
  const client = await start();
  client.send(get);
  const response = await client.response();
  assert.equal(response.status, 503);
  assert.deepEqual(
    response.fields.filter(([name]) => name.toLowerCase() === "retry-after"),
    [["Retry-After", "30"]],
  );
  await stop(client);
});

test("without another endpoint the failing answer is the answer", async () => {
  one.script = answer(503);
  other.script = answer(502, "", "other");
  const client = await start();
  assert.equal(await ask(client, get), "502 other");
  const [line] = await stop(client);
  assert.deepEqual([line!["attempts"], line!["reason"]], [2, null]);
});

test("a try that takes too long is given up for another endpoint", async () => {
  one.script = silence;
  const client = await start({ retry: { perTryTimeout: "500ms" } });
  assert.equal(await ask(client, get), "200 ok");
  await one.connections[0]!.untilOver();
  client.send(post);
  assert.equal((await client.response()).status, 200);
  client.send(post);
  const late = await client.response();
  assert.match(`${late.status} ${late.body}`, /^504 .*UPSTREAM_TRY_TIMEOUT/);
  await stop(client);
});

test("the budget bounds what is retried; what it refuses is answered with the failure", async () => {
  one.script = answer(503);
  other.script = answer(503, "", "other");
  const client = await start({ retry: { budgetPercent: 0 }, outlier: false });
  for (let count = 0; count < 40; count++) assert.match(await ask(client, get), /^503/);
  const lines = await stop(client);
  const attempts = lines.reduce((sum, line) => sum + (line["attempts"] as number), 0);
  assert.equal(attempts, 40 + 30);
});

test("an endpoint that is away costs no budget where another answers", async () => {
  await one.close();
  const client = await start({ retry: { budgetPercent: 0 }, outlier: false });
  for (let count = 0; count < 100; count++) assert.equal(await ask(client, get), "200 ok");
  const lines = await stop(client);
  assert.equal(
    lines.reduce((sum, line) => sum + (line["attempts"] as number), 0),
    100 + 50,
  );
});

test("a burst that meets an endpoint which has just gone has retries for all", async () => {
  await one.close();
  const client = await start({ outlier: false });
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(proxy.port)));
  assert.deepEqual(await Promise.all(clients.map((each) => ask(each, get))), Array(20).fill("200 ok"));
  for (const each of clients) each.destroy();
  await stop(client);
});

test("a client that leaves during the pause ends the exchange: no further attempt, nothing left", async () => {
  one.script = {
    onRequest: (connection) => {
      client.reset();
      connection.reset();
    },
  };
  other.script = {
    onRequest: (connection) => {
      client.reset();
      connection.reset();
    },
  };
  const client = await start();
  client.send(get);
  await one.until(() => one.requests.length === 1, "it was asked");
  await client.until(() => client.isClosed, "the client is gone");
  const [line] = await stop(client);
  assert.equal(line!["status"], 499);
  assert.ok((line!["attempts"] as number) <= 2);
});

test("three endpoints, one of them dies under load: no client of an idempotent request sees an error", async () => {
  const third = await ScriptedUpstream.start();
  proxy = await ProxyUnderTest.start({ endpoints: [one.url, other.url, third.url] });
  const slow: Script = {
    onRequest: (connection, request) => void setTimeout(() => answerOk.onRequest!(connection, request), 2),
  };
  for (const endpoint of [one, other, third]) endpoint.script = slow;
  let isOver = false;
  const statuses: Record<string, number> = {};
  const clients = Array.from({ length: 24 }, async () => {
    const client = await RawClient.connect(proxy.port);
    while (!isOver) {
      const status = await ask(client, get);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    client.destroy();
  });
  const until = async (count: number): Promise<void> => {
    const goal = (statuses["200 ok"] ?? 0) + count;
    await one.until(() => (statuses["200 ok"] ?? 0) >= goal || Object.keys(statuses).length > 1, `${count} more`);
  };
  await until(500);
  await third.close();
  await until(1_500);
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual(Object.keys(statuses), ["200 ok"]);
  await proxy.untilQuiet();
  await one.close();
  await other.close();
  await proxy.untilEmpty();
  await proxy.close();
});

for (const [title, workers] of modes) {
  test(`${title}: a full outage makes no storm of retries, and is over when the endpoints are back`, async () => {
    const dead: Script = { onConnection: (connection) => connection.reset() };
    const endpoints = [one, other, await ScriptedUpstream.start()];
    for (const endpoint of endpoints) endpoint.script = dead;
    const stage = await Stage.start({
      workers,
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: endpoints.map(({ url }) => url), outlier: { ejection: "500ms" } } },
    });
    const askMany = async (count: number): Promise<number> => {
      let failures = 0;
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const client = await RawClient.connect(stage.port());
          for (let index = 0; index < count / 20; index++) if (!(await ask(client, get)).startsWith("200")) failures++;
          await client.close();
        }),
      );
      return failures;
    };
    try {
      assert.equal(await askMany(1_000), 1_000);
      const attempts = (await stage.metrics()).sum("millrace_upstream_requests_total");
      assert.ok(attempts <= 1_300, `${attempts} attempts`);
      assert.ok((await stage.metrics()).sum("millrace_retries_refused_total", { upstream: "app" }) > 0);
      for (const endpoint of endpoints) endpoint.script = answerOk;
      assert.equal(await askMany(400), 0);
      await eventually(
        async () => (await stage.metrics()).sum("millrace_endpoint_ejected") === 0,
        "nobody is ejected any more",
      );
      assert.equal((await stage.metrics()).sum("millrace_endpoint_up"), 3);
      assert.ok(
        stage.messages.some(({ message }) => message === "endpoint is ejected") &&
          stage.messages.some(({ message }) => message === "endpoint is no longer ejected"),
      );
    } finally {
      await stage.close();
      for (const endpoint of endpoints) await endpoint.close();
    }
  });
}
