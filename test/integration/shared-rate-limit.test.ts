/** Rate limits that several instances share through a real Redis server, and what happens when that is away. */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { Origin } from "../support/origin.ts";
import { redisCommand, RedisServer } from "../support/redis-server.ts";
import { eventually } from "../support/signal.ts";
import { Stage } from "../support/stage.ts";

const skip = redisCommand === null ? "redis-server is not installed: node scripts/install-packages.ts test" : false;

let origin: Origin;
before(async () => {
  origin = await Origin.start((_incoming, outgoing) => void outgoing.end("fine"));
});
after(() => origin.close());

function configuration(redis: string | object, rateLimit: Record<string, unknown>, workers = 0): ConfigInput {
  return {
    workers,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [
      {
        name: "limited",
        middlewares: [{ rateLimit: { rate: "1/s", store: "shared", ...rateLimit } }],
        upstream: "app",
      },
    ],
    upstreams: { app: { endpoints: [origin.url] } },
    stores: { shared: { redis } },
  } as ConfigInput;
}

async function startRedis(t: TestContext): Promise<RedisServer> {
  const redis = await RedisServer.start();
  t.after(() => redis.close());
  return redis;
}

async function start(t: TestContext, config: ConfigInput): Promise<Stage> {
  const stage = await Stage.start(config);
  t.after(() => stage.close());
  return stage;
}

async function ask(stage: Stage, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${stage.port()}/`, { headers });
  await response.arrayBuffer();
  return response;
}

/** A busy machine may be late by more than 20 ms; where decisions are looked at, nothing may go undecided. */
const patient = (redis: RedisServer): object => ({ url: redis.url, timeout: "5s" });

const isDecided = async (stage: Stage): Promise<boolean> => (await ask(stage)).headers.get("ratelimit") !== null;
const statusOf = async (stage: Stage): Promise<number> => (await ask(stage)).status;

test("one instance decides as with local counts, with the same fields", { skip }, async (t) => {
  const redis = await startRedis(t);
  const stage = await start(t, configuration(patient(redis), { rate: "2/m", burst: 2 }));
  const [first, second, third] = [await ask(stage), await ask(stage), await ask(stage)];
  assert.deepEqual([first.status, second.status, third.status], [200, 200, 429]);
  assert.equal(first.headers.get("ratelimit"), '"limited";r=1;t=30');
  assert.equal(first.headers.get("ratelimit-policy"), '"limited";q=2;w=60');
  // The second may have turned meanwhile.
  assert.match(third.headers.get("ratelimit") ?? "", /^"limited";r=0;t=(?:2\d|30)$/);
  assert.match(third.headers.get("retry-after") ?? "", /^(?:2\d|30)$/);
  assert.equal((await stage.metrics()).sum("millrace_store_decisions_total", { store: "shared", result: "ok" }), 3);
});

test("three instances, one of them with two threads, share a burst to the last request", { skip }, async (t) => {
  const redis = await startRedis(t);
  const stages = await Promise.all(
    [0, 0, 2].map((workers) =>
      start(t, configuration(patient(redis), { rate: "1/h", burst: 1_000, key: "route" }, workers)),
    ),
  );
  const found = (
    await Promise.all(
      stages.flatMap((stage) =>
        Array.from({ length: 4 }, async () => {
          const statuses: number[] = [];
          for (let count = 0; count < 125; count++) statuses.push(await statusOf(stage));
          return statuses;
        }),
      ),
    )
  ).flat();
  assert.equal(found.filter((status) => status === 200).length, 1_000);
  assert.equal(found.filter((status) => status === 429).length, 500);
});

test("three instances admit together at the rate of one, within 1 %", { skip }, async (t) => {
  const redis = await startRedis(t);
  const rate = 50;
  const burst = 100;
  const stages = await Promise.all(
    [0, 0, 2].map((workers) =>
      start(t, configuration(patient(redis), { rate: `${rate}/s`, burst, key: "route" }, workers)),
    ),
  );
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
    stages.flatMap((stage) =>
      Array.from({ length: 4 }, async () => {
        while (!isOver()) {
          const sentMs = performance.now();
          ((await statusOf(stage)) === 200 ? passed : refused).push({ sentMs, receivedMs: performance.now() });
        }
      }),
    ),
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
  test(`without an answer from the store the limit fails ${mode}, soon, and recovers`, { skip }, async (t) => {
    const redis = await startRedis(t);
    const stage = await start(t, configuration(redis.url, { rate: "1/h", burst: 1_000, onStoreFailure: mode }));
    await eventually(() => isDecided(stage), "the store decides");
    redis.freeze();
    for (let count = 0; count < 5; count++) {
      const response = await ask(stage);
      assert.equal(response.status, expected);
      assert.equal(response.headers.get("ratelimit"), null);
      if (mode === "closed") assert.equal(response.headers.get("retry-after"), "1");
    }
    await eventually(
      () => stage.complaints.some((text) => text.includes("a store does not answer")),
      "the log says so",
    );
    assert.equal(await statusOf(stage), expected);
    const metrics = await stage.metrics();
    assert.ok(metrics.sum("millrace_store_decisions_total", { result: "timeout" }) >= 5);
    assert.ok(metrics.sum("millrace_store_decisions_total", { result: "skipped" }) >= 1);
    redis.thaw();
    await eventually(() => isDecided(stage), "decisions come from the store again");
    assert.ok(stage.messages.some(({ message }) => message === "a store answers again"));
  });
}

test("a server that dies is found again when it is back, and given the script anew", { skip }, async (t) => {
  const redis = await startRedis(t);
  const stage = await start(t, configuration(patient(redis), { rate: "1/h", burst: 2 }));
  assert.deepEqual([await statusOf(stage), await statusOf(stage), await statusOf(stage)], [200, 200, 429]);
  await redis.kill();
  assert.equal(await statusOf(stage), 200);
  await redis.restart();
  await eventually(
    async () => (await ask(stage)).headers.get("ratelimit") === '"limited";r=1;t=3600',
    "the store decides again",
  );
});

test("a store that is not there keeps nobody from starting, and is found when it comes", { skip }, async (t) => {
  const redis = await startRedis(t);
  await redis.kill();
  const stage = await start(t, configuration(patient(redis), { rate: "1/h", burst: 1 }));
  assert.deepEqual([await statusOf(stage), await statusOf(stage)], [200, 200]);
  await redis.restart();
  await eventually(() => isDecided(stage), "the store decides as soon as it is there");
});

test("a dry run asks the store and holds nothing", { skip }, async (t) => {
  const redis = await startRedis(t);
  const stage = await start(t, configuration(patient(redis), { rate: "1/h", burst: 1, dryRun: true }));
  assert.deepEqual([await statusOf(stage), await statusOf(stage), await statusOf(stage)], [200, 200, 200]);
  await eventually(
    async () => (await stage.metrics()).sum("millrace_rate_limited_total", { mode: "dry-run" }) === 2,
    "two are counted",
  );
});

test("a limit that has become faster lets nobody wait by the old one", { skip }, async (t) => {
  const redis = await startRedis(t);
  const stage = await start(t, configuration(patient(redis), { rate: "1/h", burst: 1 }));
  assert.deepEqual([await statusOf(stage), await statusOf(stage)], [200, 429]);
  await stage.reload(configuration(patient(redis), { rate: "100/s", burst: 1 }));
  await eventually(async () => (await statusOf(stage)) === 200, "it passes");
});

test("a reload that changes nothing about the store keeps its connection and the counts", { skip }, async (t) => {
  const redis = await startRedis(t);
  const stage = await start(t, configuration(patient(redis), { rate: "1/h", burst: 2 }));
  assert.equal(await statusOf(stage), 200);
  await stage.reload(configuration(patient(redis), { rate: "1/h", burst: 3 }));
  assert.deepEqual([await statusOf(stage), await statusOf(stage), await statusOf(stage)], [200, 200, 429]);
  await stage.reload({
    ...configuration(patient(redis), {}),
    routes: [{ upstream: "app" }],
    stores: {},
  } as ConfigInput);
  assert.equal(await statusOf(stage), 200);
});
