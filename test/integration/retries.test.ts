/** Attempts that fail and are followed by others. */
import assert from "node:assert/strict";
import { type Behaviour, breakOff, type Endpoint, echo, silence } from "../support/endpoint.ts";
import type { Reply } from "../support/endpoint-server.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Ask, Speaker } from "../support/speaker.ts";

const answer = (status: number, fields: Record<string, string> = {}, body = "sorry"): Reply => ({
  status,
  fields,
  body,
});

const get: Ask = {};
const post: Ask = { method: "POST", body: "body" };
const put: Ask = { method: "PUT", body: "body" };

async function start(
  harness: Harness,
  upstream: Record<string, unknown> = {},
  first?: Behaviour,
): Promise<{ one: Endpoint; other: Endpoint; proxy: ProxyUnderTest; client: Speaker }> {
  const one = await harness.endpoint(first);
  const other = await harness.endpoint();
  const proxy = await harness.proxy({ endpoints: [one.url, other.url], upstream });
  return { one, other, proxy, client: await harness.speaker() };
}

async function ask(client: Speaker, request: Ask): Promise<string> {
  const { status, text } = await client.ask(request);
  return `${status} ${text}`;
}

for (const [what, behaviour] of Object.entries<Behaviour>({
  "503": answer(503),
  "502": answer(502),
  "504": answer(504, { "x-a": "y" }),
  "503 and Retry-After": answer(503, { "retry-after": "1" }),
  "a reset": breakOff,
})) {
  testOverProtocols(`a request that an endpoint fails is answered by the other: ${what}`, async (harness) => {
    const { client } = await start(harness, {}, behaviour);
    for (const request of [get, put, get, put]) assert.equal(await ask(client, request), "200 ok");
    const [lines] = await harness.end();
    assert.deepEqual(
      lines!.map(({ attempts, status, reason }) => [attempts, status, reason]),
      [
        [2, 200, null],
        [1, 200, null],
        [2, 200, null],
        [1, 200, null],
      ],
    );
  });
}

testOverProtocols("a failing answer is swallowed, and its connection is kept if it is small", async (harness) => {
  const { one, client } = await start(harness, {}, answer(503, {}, "x".repeat(10_000)));
  for (let count = 0; count < 6; count++) assert.equal(await ask(client, get), "200 ok");
  assert.equal(one.connectionCount, 1, "one connection carried all failing answers");
  one.behaviour = (exchange) => {
    exchange.start("unknown", { status: 503 });
    exchange.send("sorry");
  };
  assert.equal(await ask(client, get), "200 ok");
  await one.exchanges.at(-1)!.untilGone();
});

testOverProtocols("what may have been done is not repeated: the failure is the answer", async (harness) => {
  const { one, client } = await start(harness, {}, answer(503));
  assert.equal(await ask(client, post), "503 sorry");
  assert.equal(await ask(client, post), "200 ok");
  one.behaviour = breakOff;
  assert.match(await ask(client, post), /^502 .*UPSTREAM_RESET/);
});

testOverProtocols("a 503 that asks for more patience than we have is passed on with its fields", async (harness) => {
  const { client } = await start(harness, {}, answer(503, { "Retry-After": "30" }));
  const response = await client.ask(get);
  assert.deepEqual([response.status, response.values("retry-after")], [503, ["30"]]);
});

testOverProtocols("without another endpoint the failing answer is the answer", async (harness) => {
  const { other, client } = await start(harness, {}, answer(503));
  other.behaviour = answer(502, {}, "other");
  assert.equal(await ask(client, get), "502 other");
  const [lines] = await harness.end();
  assert.deepEqual([lines![0]!["attempts"], lines![0]!["reason"]], [2, null]);
});

testOverProtocols("a try that takes too long is given up for another endpoint", async (harness) => {
  const { one, client } = await start(harness, { retry: { perTryTimeout: "500ms" } }, silence);
  assert.equal(await ask(client, get), "200 ok");
  await one.exchanges[0]!.untilGone();
  assert.equal((await client.ask(post)).status, 200);
  assert.match(await ask(client, post), /^504 .*UPSTREAM_TRY_TIMEOUT/);
});

const attemptsOf = (lines: readonly Record<string, unknown>[]): number =>
  lines.reduce((sum, line) => sum + (line["attempts"] as number), 0);

testOverProtocols(
  "the budget bounds what is retried; what it refuses is answered with the failure",
  async (harness) => {
    const { other, client } = await start(harness, { retry: { budgetPercent: 0 }, outlier: false }, answer(503));
    other.behaviour = answer(503, {}, "other");
    for (let count = 0; count < 40; count++) assert.match(await ask(client, get), /^503/);
    const [lines] = await harness.end();
    assert.equal(attemptsOf(lines!), 40 + 30);
  },
);

testOverProtocols("an endpoint that is away costs no budget if another answers", async (harness) => {
  const { one, client } = await start(harness, { retry: { budgetPercent: 0 }, outlier: false });
  await one.close();
  for (let count = 0; count < 100; count++) assert.equal(await ask(client, get), "200 ok");
  const [lines] = await harness.end();
  assert.equal(attemptsOf(lines!), 100 + 50);
});

testOverProtocols("a burst that meets an endpoint which has just gone has retries for all", async (harness) => {
  const { one } = await start(harness, { outlier: false });
  await one.close();
  const clients = await harness.speakers(20);
  assert.deepEqual(await Promise.all(clients.map((each) => ask(each, get))), Array(20).fill("200 ok"));
});

testOverProtocols(
  "a client that leaves during the pause ends the exchange: no further attempt, nothing left",
  async (harness) => {
    const { one, other, client } = await start(harness);
    one.behaviour = other.behaviour = (exchange) => {
      client.abort();
      exchange.abort();
    };
    client.begin(get);
    await one.asked();
    await client.untilOver();
    const [lines] = await harness.end();
    const [line] = lines!;
    assert.equal(line!["status"], 499);
    assert.ok((line!["attempts"] as number) <= 2);
  },
);

testOverProtocols(
  "three endpoints, one of them dies under load: no client of an idempotent request sees an error",
  async (harness) => {
    const answerAny = echo("any");
    const endpoints = await harness.endpoints(3, (exchange) => void setTimeout(() => answerAny(exchange), 2));
    await harness.proxy({ endpoints: endpoints.map(({ url }) => url) });
    const load = harness.load({ clients: 24, isIdempotent: true });
    await load.untilMore(500);
    await endpoints[2]!.close();
    await load.untilMore(1_500);
    await load.stop();
    assert.deepEqual(load.failures, []);
  },
);

for (const [title, threads] of modes) {
  testOverProtocols(
    `${title}: a full outage makes no storm of retries, and is over when the endpoints are back`,
    async (harness) => {
      const endpoints = await harness.endpoints(3);
      for (const endpoint of endpoints) endpoint.refusesConnections = true;
      const proxy = await harness.proxy({
        threads,
        endpoints: endpoints.map(({ url }) => url),
        upstream: { outlier: { ejection: "500ms" } },
      });
      const askMany = async (count: number): Promise<number> => {
        let failures = 0;
        await Promise.all(
          (await harness.speakers(20)).map(async (client) => {
            for (let index = 0; index < count / 20; index++)
              if (!(await ask(client, get)).startsWith("200")) failures++;
            await client.close();
          }),
        );
        return failures;
      };
      assert.equal(await askMany(1_000), 1_000);
      const attempts = (await proxy.metrics()).sum("millrace_upstream_requests_total");
      assert.ok(attempts <= 1_300, `${attempts} attempts`);
      assert.ok((await proxy.metrics()).sum("millrace_retries_refused_total", { upstream: "app" }) > 0);
      for (const endpoint of endpoints) endpoint.refusesConnections = false;
      assert.equal(await askMany(400), 0);
      await eventually(
        async () => (await proxy.metrics()).sum("millrace_endpoint_ejected") === 0,
        "nobody is ejected any more",
      );
      assert.equal((await proxy.metrics()).sum("millrace_endpoint_up"), 3);
      assert.ok(
        proxy.messages.some(({ message }) => message === "endpoint is ejected") &&
          proxy.messages.some(({ message }) => message === "endpoint is no longer ejected"),
      );
    },
  );
}
