/** Rate limits that several instances share through a real Redis server, and what happens when that is away. */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ProxyOptions, ProxyUnderTest } from "../support/proxy-under-test.ts";
import { redisCommand, RedisServer } from "../support/redis-server.ts";
import { eventually } from "../support/signal.ts";
import type { Speaker } from "../support/speaker.ts";

const skip = redisCommand === null ? "redis-server is not installed: node scripts/install-packages.ts test" : false;

const optionsOf = (redis: string | object, rateLimit: Record<string, unknown>): ProxyOptions => ({
  routes: [
    {
      name: "limited",
      middlewares: [{ rateLimit: { rate: "1/s", store: "shared", ...rateLimit } }],
      respond: { body: "fine" },
    },
  ],
  config: { stores: { shared: { redis } } },
});

async function startRedis(harness: Harness): Promise<RedisServer> {
  const redis = await RedisServer.start();
  harness.atEnd(() => redis.close());
  return redis;
}

/** A proxy and a client of it. */
async function start(harness: Harness, options: ProxyOptions): Promise<{ proxy: ProxyUnderTest; client: Speaker }> {
  const proxy = await harness.proxy(options);
  return { proxy, client: await harness.speaker(proxy) };
}

/** A busy machine may be late by more than 20 ms; if decisions are looked at, nothing may go undecided. */
const patient = (redis: RedisServer): object => ({ url: redis.url, timeout: "5s" });

const isDecided = async (client: Speaker): Promise<boolean> => (await client.ask()).value("ratelimit") !== null;
const statusOf = async (client: Speaker): Promise<number> => (await client.ask()).status;

function testShared(name: string, run: (harness: Harness) => Promise<void>): void {
  testOverProtocols(name, run, { skip });
}

/** Instances of which the last has two threads, and four clients of each. */
async function startThree(harness: Harness, options: ProxyOptions): Promise<Speaker[]> {
  const proxies = await Promise.all([0, 0, 2].map((threads) => harness.proxy({ ...options, threads })));
  return (await Promise.all(proxies.map((proxy) => harness.speakers(4, proxy)))).flat();
}

testShared("one instance decides as with local counts, with the same fields", async (harness) => {
  const redis = await startRedis(harness);
  const { proxy, client } = await start(harness, optionsOf(patient(redis), { rate: "2/m", burst: 2 }));
  const [first, second, third] = [await client.ask(), await client.ask(), await client.ask()];
  assert.deepEqual([first.status, second.status, third.status], [200, 200, 429]);
  assert.equal(first.value("ratelimit"), '"limited";r=1;t=30');
  assert.equal(first.value("ratelimit-policy"), '"limited";q=2;w=60');
  // The second may have turned meanwhile.
  assert.match(third.value("ratelimit") ?? "", /^"limited";r=0;t=(?:2\d|30)$/);
  assert.match(third.value("retry-after") ?? "", /^(?:2\d|30)$/);
  assert.equal((await proxy.metrics()).sum("millrace_store_decisions_total", { store: "shared", result: "ok" }), 3);
});

testShared("three instances, one of them with two threads, share a burst to the last request", async (harness) => {
  const redis = await startRedis(harness);
  const clients = await startThree(harness, optionsOf(patient(redis), { rate: "1/h", burst: 1_000, key: "route" }));
  const found = (
    await Promise.all(
      clients.map(async (client) => {
        const statuses: number[] = [];
        for (let count = 0; count < 125; count++) statuses.push(await statusOf(client));
        return statuses;
      }),
    )
  ).flat();
  assert.equal(found.filter((status) => status === 200).length, 1_000);
  assert.equal(found.filter((status) => status === 429).length, 500);
});

testShared("three instances admit together at the rate of one, within 1 %", async (harness) => {
  const redis = await startRedis(harness);
  const rate = 50;
  const burst = 100;
  const clients = await startThree(harness, optionsOf(patient(redis), { rate: `${rate}/s`, burst, key: "route" }));
  // Each decision was made at some moment between question and answer.
  interface Decision {
    readonly sentMs: number;
    readonly receivedMs: number;
  }
  const passed: Decision[] = [];
  const refused: Decision[] = [];
  const endMs = performance.now() + 3_000;
  const isOver = (): boolean => performance.now() > endMs && refused.some(({ sentMs }) => sentMs > endMs);
  await Promise.all(
    clients.map(async (client) => {
      while (!isOver()) {
        const sentMs = performance.now();
        ((await statusOf(client)) === 200 ? passed : refused).push({ sentMs, receivedMs: performance.now() });
      }
    }),
  );
  const earliest = (decisions: readonly Decision[], key: keyof Decision): number =>
    Math.min(...decisions.map((decision) => decision[key]));
  const latest = (decisions: readonly Decision[], key: keyof Decision): number =>
    Math.max(...decisions.map((decision) => decision[key]));
  const most = burst + (rate * (latest(passed, "receivedMs") - earliest(passed, "sentMs"))) / 1_000;
  assert.ok(passed.length <= most * 1.01, `${passed.length} passed, expected at most ${most.toFixed(0)}`);
  // Whoever was refused found nothing left: until then, all that the rate allows had passed.
  const empty = refused.find(({ sentMs }) => sentMs > endMs)!;
  const passedByThen = passed.filter(({ sentMs }) => sentMs <= empty.receivedMs).length;
  const least = burst + (rate * (empty.sentMs - earliest(passed, "receivedMs"))) / 1_000;
  assert.ok(passedByThen >= least * 0.99 - 1, `${passedByThen} passed, expected at least ${least.toFixed(0)}`);
});

for (const [mode, expected] of [
  ["open", 200],
  ["closed", 503],
] as const) {
  testShared(`without an answer from the store the limit fails ${mode}, soon, and recovers`, async (harness) => {
    const redis = await startRedis(harness);
    const { proxy, client } = await start(
      harness,
      optionsOf(redis.url, { rate: "1/h", burst: 1_000, onStoreFailure: mode }),
    );
    await eventually(() => isDecided(client), "the store decides");
    redis.freeze();
    for (let count = 0; count < 5; count++) {
      const response = await client.ask();
      assert.equal(response.status, expected);
      assert.equal(response.value("ratelimit"), null);
      if (mode === "closed") assert.equal(response.value("retry-after"), "1");
    }
    await eventually(
      () => proxy.complaints.some((text) => text.includes("a store does not answer")),
      "the log says so",
    );
    assert.equal(await statusOf(client), expected);
    const metrics = await proxy.metrics();
    assert.ok(metrics.sum("millrace_store_decisions_total", { result: "timeout" }) >= 5);
    assert.ok(metrics.sum("millrace_store_decisions_total", { result: "skipped" }) >= 1);
    redis.thaw();
    await eventually(() => isDecided(client), "decisions come from the store again");
    assert.ok(proxy.messages.some(({ message }) => message === "a store answers again"));
  });
}

testShared("a server that dies is found again when it is back, and given the script anew", async (harness) => {
  const redis = await startRedis(harness);
  const { client } = await start(harness, optionsOf(patient(redis), { rate: "1/h", burst: 2 }));
  assert.deepEqual([await statusOf(client), await statusOf(client), await statusOf(client)], [200, 200, 429]);
  await redis.kill();
  assert.equal(await statusOf(client), 200);
  await redis.restart();
  await eventually(
    async () => (await client.ask()).value("ratelimit") === '"limited";r=1;t=3600',
    "the store decides again",
  );
});

testShared("a store that is not there keeps nobody from starting, and is found when it comes", async (harness) => {
  const redis = await startRedis(harness);
  await redis.kill();
  const { client } = await start(harness, optionsOf(patient(redis), { rate: "1/h", burst: 1 }));
  assert.deepEqual([await statusOf(client), await statusOf(client)], [200, 200]);
  await redis.restart();
  await eventually(() => isDecided(client), "the store decides as soon as it is there");
});

testShared("a dry run asks the store and holds nothing", async (harness) => {
  const redis = await startRedis(harness);
  const { proxy, client } = await start(harness, optionsOf(patient(redis), { rate: "1/h", burst: 1, dryRun: true }));
  assert.deepEqual([await statusOf(client), await statusOf(client), await statusOf(client)], [200, 200, 200]);
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_rate_limited_total", { mode: "dry-run" }) === 2,
    "two are counted",
  );
});

testShared("a limit that has become faster lets nobody wait by the old one", async (harness) => {
  const redis = await startRedis(harness);
  const { proxy, client } = await start(harness, optionsOf(patient(redis), { rate: "1/h", burst: 1 }));
  assert.deepEqual([await statusOf(client), await statusOf(client)], [200, 429]);
  await proxy.reload(optionsOf(patient(redis), { rate: "100/s", burst: 1 }));
  await eventually(async () => (await statusOf(client)) === 200, "it passes");
});

testShared("a reload that changes nothing about the store keeps its connection and the counts", async (harness) => {
  const redis = await startRedis(harness);
  const { proxy, client } = await start(harness, optionsOf(patient(redis), { rate: "1/h", burst: 2 }));
  assert.equal(await statusOf(client), 200);
  await proxy.reload(optionsOf(patient(redis), { rate: "1/h", burst: 3 }));
  assert.deepEqual([await statusOf(client), await statusOf(client), await statusOf(client)], [200, 200, 429]);
  await proxy.reload({ routes: [{ respond: { body: "fine" } }], config: { stores: {} } });
  assert.equal(await statusOf(client), 200);
});
