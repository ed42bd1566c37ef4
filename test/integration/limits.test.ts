/**
 * Waits and sizes have ends (threats of exhaustion): slow bodies, slow readers, too many requests and connections,
 * silent endpoints. Those that only HTTP/1.1 has are in `http1-limits.test.ts`.
 */
import assert from "node:assert/strict";
import { silence } from "../support/endpoint.ts";
import type { EndpointExchange } from "../support/endpoint-server.ts";
import { testOverProtocols } from "../support/harness.ts";
import type { ProxyOptions } from "../support/proxy-under-test.ts";

testOverProtocols("a body that stops is cut off by the body's deadline, upstream too", async (harness) => {
  const { client, endpoint } = await harness.trio({ listener: { timeouts: { body: "200ms" } } });
  const begun = endpoint.nextHead();
  const exchange = client.begin({ method: "POST", length: 10 });
  exchange.send("hello");
  assert.equal((await exchange.answer()).status, 408);
  await exchange.untilOver();
  await (await begun).untilGone();
  assert.equal(endpoint.requests.length, 0);
});

testOverProtocols("an idle kept connection is closed without a word", async (harness) => {
  const { client } = await harness.trio({ listener: { timeouts: { keepAlive: "200ms" } } });
  await client.ask();
  await client.untilOver();
});

testOverProtocols("a connection that never says anything is closed", async (harness) => {
  const { client } = await harness.trio({ listener: { timeouts: { head: "200ms", keepAlive: "200ms" } } });
  await client.untilOver();
});

testOverProtocols("a client that does not read is cut off by the write deadline", async (harness) => {
  const { client, endpoint, proxy } = await harness.trio({
    listener: { timeouts: { write: "200ms" } },
    behaviour: (exchange) => {
      const block = Buffer.alloc(1_048_576);
      exchange.start(64 * block.length);
      for (let at = 0; at < 64; at++) exchange.send(block);
    },
  });
  client.pause();
  client.begin();
  const asked = await endpoint.asked();
  await proxy.untilOpen(
    ({ exchanges, connections }) => exchanges === 0 && connections === 0,
    "the client was given up",
  );
  await asked.untilGone();
});

testOverProtocols("an endpoint that never answers gives 504", async (harness) => {
  const { client, endpoint } = await harness.trio({
    behaviour: silence,
    upstream: { timeouts: { firstByte: "200ms" } },
  });
  const { status, reason } = await client.ask();
  assert.deepEqual([status, reason], [504, "UPSTREAM_FIRST_BYTE_TIMEOUT"]);
  await endpoint.exchanges[0]!.untilGone();
});

testOverProtocols("an endpoint that sends only interim answers gives 504", async (harness) => {
  const { client } = await harness.trio({
    upstream: { timeouts: { firstByte: "300ms" } },
    behaviour: (exchange) => {
      let count = 0;
      const timer = setInterval(() => {
        exchange.interim(102);
        if (++count === 10 || exchange.isGone) clearInterval(timer);
      }, 50);
    },
  });
  assert.equal((await client.ask()).status, 504);
});

testOverProtocols("an endpoint that stops within its answer breaks it off", async (harness) => {
  const { client } = await harness.trio({
    upstream: { timeouts: { idle: "200ms" } },
    behaviour: (exchange) => {
      exchange.start(10);
      exchange.send("hello");
    },
  });
  assert.equal((await client.begin().brokenAnswer())?.isComplete, false);
});

testOverProtocols("a request that takes longer than its route allows gives 504", async (harness) => {
  const { client } = await harness.trio({
    behaviour: silence,
    routes: [{ upstream: "app", timeouts: { total: "200ms" } }],
  });
  assert.equal((await client.ask()).status, 504);
});

testOverProtocols("a body above the limit is refused, announced or not", async (harness) => {
  const { proxy, endpoint } = await harness.trio({ listener: { limits: { bodyBytes: "1KiB" } } });
  for (const length of [2_000, "unknown"] as const) {
    const client = await harness.speaker(proxy);
    const exchange = client.begin({ method: "POST", length });
    if (length === "unknown") {
      exchange.send("x".repeat(2_000));
      exchange.finish();
    }
    assert.equal((await exchange.answer()).status, 413);
    await exchange.untilOver();
    assert.equal(endpoint.requests.length, 0);
  }
});

testOverProtocols("a connection serves no more requests than it may", async (harness) => {
  const { client, endpoint } = await harness.trio({ listener: { limits: { requestsPerConnection: 3 } } });
  const exchanges = Array.from({ length: 5 }, () => client.begin());
  for (const exchange of exchanges.slice(0, 3)) assert.equal((await exchange.answer()).status, 200);
  await client.untilOver();
  assert.equal(client.answeredCount, 3);
  assert.equal(endpoint.requests.length, 3);
});

testOverProtocols("connections above the limit are not served, and room is made by those that go", async (harness) => {
  const { client, proxy } = await harness.trio({ listener: { limits: { connections: 2 } } });
  await client.ask();
  const second = await harness.speaker();
  await second.ask();
  const third = await harness.speaker();
  const refused = await third
    .begin()
    .answer()
    .catch(() => null);
  await third.untilOver();
  if (refused !== null) assert.equal(refused.status, 503);
  await second.close();
  await proxy.untilOpen(({ connections }) => connections === 1, "room was made");
  assert.equal((await (await harness.speaker()).ask()).status, 200);
});

testOverProtocols(
  "requests that are held at an endpoint stay within its limit when it is removed from the configuration and added again",
  async (harness) => {
    const held: EndpointExchange[] = [];
    const endpoint = await harness.endpoint((exchange) => void held.push(exchange));
    const other = await harness.endpoint();
    const optionsOf = (...endpoints: string[]): ProxyOptions => ({
      endpoints,
      upstream: { limits: { maxRequestsPerEndpoint: 1, maxPending: 0 } },
    });
    const proxy = await harness.proxy(optionsOf(endpoint.url));
    const [first, second] = [await harness.speaker(), await harness.speaker()];
    const waiting = first.begin();
    await endpoint.asked();
    await proxy.reload(optionsOf(other.url));
    assert.equal((await second.ask()).status, 200);
    await proxy.reload(optionsOf(endpoint.url));
    assert.equal((await second.ask()).status, 503);
    assert.equal(endpoint.requests.length, 1);
    for (const exchange of held.splice(0)) exchange.answer();
    assert.equal((await waiting.answer()).status, 200);
    const next = second.begin();
    await endpoint.until(() => held.length === 1, "there is room again");
    for (const exchange of held) exchange.answer();
    assert.equal((await next.answer()).status, 200);
  },
);
