/** A cache that several instances share through a real Redis server, and what happens when that is away. */
import assert from "node:assert/strict";
import type { Endpoint } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { RedisServer, redisCommand } from "../support/redis-server.ts";
import { eventually } from "../support/signal.ts";

const skip = redisCommand === null ? "redis-server is not installed: node scripts/install-packages.ts test" : false;

function testShared(name: string, run: (harness: Harness) => Promise<void>): void {
  testOverProtocols(name, run, { skip });
}

const fresh = { "cache-control": "max-age=1000", "cache-tag": "news" };

/** A busy machine may be late by more than 20 ms; if hits are looked at, nothing may be late. */
const patient = (redis: RedisServer): object => ({ url: redis.url, timeout: "5s" });

/** An endpoint that counts its answers, of `bytes` bytes. */
async function startEndpoint(harness: Harness, bytes: number): Promise<Endpoint> {
  let count = 0;
  return harness.endpoint((exchange) => exchange.answer({ fields: fresh, body: `${++count} `.padEnd(bytes, "-") }));
}

const optionsOf = (endpoint: Endpoint, redis: string | object, cache: object = {}, threads = 0) => ({
  threads,
  endpoints: [endpoint.url],
  routes: [{ name: "cached", middlewares: [{ cache: { store: "shared", ...cache } }], upstream: "app" }],
  config: { stores: { shared: { redis } } },
  mayComplain: /^a purge may come undone/,
});

async function startRedis(harness: Harness): Promise<RedisServer> {
  const redis = await RedisServer.start();
  harness.atEnd(() => redis.close());
  return redis;
}

/**
 * Asks an instance until the last that was fetched is stored: that follows the answer by a moment, in which another
 * request may fetch again.
 */
async function fill(harness: Harness, proxy: ProxyUnderTest, { path, endpoint }: { path: string; endpoint: Endpoint }) {
  const client = await harness.speaker(proxy);
  let text = "";
  await eventually(async () => {
    const answer = await client.ask({ path });
    text = answer.text;
    return /hit/.test(answer.value("cache-status") ?? "") && text.startsWith(`${endpoint.requests.length} `);
  }, "it is stored");
  return text;
}

for (const bytes of [10, 300_000])
  testShared(
    `what one instance has fetched, all have, and a purge of one holds in all: ${bytes} bytes`,
    async (harness) => {
      const redis = await startRedis(harness);
      const endpoint = await startEndpoint(harness, bytes);
      const one = await harness.proxy(optionsOf(endpoint, patient(redis)));
      const two = await harness.proxy(optionsOf(endpoint, patient(redis), {}, 2));
      const text = await fill(harness, one, { path: "/a", endpoint });
      const clients = await harness.speakers(6, two);
      const fetched = endpoint.requests.length;
      for (const client of clients) {
        const answer = await client.ask({ path: "/a" });
        assert.equal(answer.text, text);
        assert.match(answer.value("cache-status") ?? "", /^millrace; hit/);
      }
      assert.equal(endpoint.requests.length, fetched);
      for (const request of [
        { url: `${harness.protocols.client.scheme}://a/a` },
        { tag: "news" },
        { prefix: `${harness.protocols.client.scheme}://a/` },
        { all: true },
      ] as const) {
        const before = await fill(harness, two, { path: "/a", endpoint });
        assert.deepEqual(await one.proxy.cache.purge(request), { purged: null, failures: [] });
        const asked = endpoint.requests.length;
        assert.notEqual((await clients[0]!.ask({ path: "/a" })).text, before, JSON.stringify(request));
        assert.equal(endpoint.requests.length, asked + 1);
      }
    },
  );

testShared(
  "while the server is frozen or dead, everybody is answered, soon, and the log says what is wrong",
  async (harness) => {
    const redis = await startRedis(harness);
    const endpoint = await startEndpoint(harness, 300_000);
    const proxy = await harness.proxy(optionsOf(endpoint, redis.url));
    const client = await harness.speaker(proxy);
    await client.ask({ path: "/a" });
    redis.freeze();
    for (let count = 0; count < 8; count++) {
      const answer = await client.ask({ path: "/a" });
      assert.equal(answer.status, 200);
      assert.equal(answer.text.length, 300_000);
    }
    await eventually(
      () => proxy.complaints.some((text) => text.includes("a cache's store does not answer")),
      "the log says so",
    );
    const metrics = await proxy.metrics();
    assert.ok(metrics.sum("millrace_cache_store_errors_total", { store: "shared", result: "timeout" }) >= 1);
    assert.ok(metrics.sum("millrace_cache_store_errors_total", { store: "shared", result: "skipped" }) >= 1);
    const report = proxy.proxy.cache.purge({ all: true });
    redis.thaw();
    await report;
    await eventually(
      () =>
        proxy.messages.some(({ message }) => message === "a cache's store answers again") ||
        client.ask({ path: "/b" }).then(() => false),
      "it answers again",
    );
    await redis.kill();
    assert.equal((await client.ask({ path: "/a" })).status, 200);
    const { failures } = await proxy.proxy.cache.purge({ all: true });
    assert.match(failures[0]?.reason ?? "", /other instances do not know of it/);
    await redis.restart();
    await eventually(
      async () => /hit/.test((await client.ask({ path: "/a" })).value("cache-status") ?? ""),
      "it is stored again",
    );
  },
);

testShared("many who ask at once are one request, over threads, also if nothing can be stored", async (harness) => {
  const redis = await startRedis(harness);
  const endpoint = await harness.endpoint(() => {});
  const proxy = await harness.proxy(optionsOf(endpoint, patient(redis), {}, 2));
  const clients = await harness.speakers(12, proxy);
  const answers = clients.map((client) => client.ask({ path: "/slow" }));
  await eventually(() => endpoint.requests.length > 0, "the first asks");
  endpoint.behaviour = (exchange) => exchange.answer({ fields: fresh, body: "late" });
  await redis.kill();
  for (const exchange of endpoint.exchanges) exchange.answer({ fields: fresh, body: "x".repeat(200_000) });
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
});

testShared("a password is in no message", async (harness) => {
  const redis = await startRedis(harness);
  const endpoint = await startEndpoint(harness, 10);
  for (const url of ["redis://user:se%63ret-word@127.0.0.1:1", `${redis.url}`]) {
    const proxy = await harness.proxy(optionsOf(endpoint, url));
    const client = await harness.speaker(proxy);
    for (let count = 0; count < 8; count++) assert.equal((await client.ask({ path: `/${count}` })).status, 200);
    await proxy.proxy.cache.purge({ all: true });
    assert.doesNotMatch(JSON.stringify(proxy.messages), /secret-word|se%63ret/);
    if (url.startsWith("redis:")) assert.ok(proxy.complaints.length > 0, "there is something to tell");
  }
});
