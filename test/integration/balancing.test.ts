/** Balancing as clients see it: keys, latencies, zones, panic and slow start, through a whole proxy. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Origin } from "../support/origin.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";

/** How an endpoint behaves; its name is what it answers. */
interface Behaviour {
  healthStatus: number;
  delayMs: number;
}

async function startOrigins(
  context: TestContext,
  names: string,
): Promise<{ origins: Origin[]; behaviours: Behaviour[] }> {
  const behaviours = [...names].map((): Behaviour => ({ healthStatus: 200, delayMs: 0 }));
  const origins = await Promise.all(
    [...names].map((name, index) =>
      Origin.start((request, response) => {
        const { healthStatus, delayMs } = behaviours[index]!;
        if (request.url === "/health") response.writeHead(healthStatus).end();
        else if (delayMs === 0) response.end(name);
        else setTimeout(() => response.end(name), delayMs);
      }),
    ),
  );
  context.after(() => Promise.all(origins.map((origin) => origin.close())));
  return { origins, behaviours };
}

async function startStage(
  context: TestContext,
  workers: number,
  upstream: object,
  config: object = {},
): Promise<Stage> {
  const stage = await Stage.start(configOf(workers, upstream, config));
  context.after(() => stage.close());
  return stage;
}

const configOf = (workers: number, upstream: object, config: object = {}) => ({
  workers,
  listeners: [{ address: "127.0.0.1:0" }],
  routes: [{ upstream: "app" }],
  upstreams: { app: { endpoints: [] as string[], ...upstream } },
  ...config,
});

/** Who answers; "503" and the like where nobody does. */
async function ask(stage: Stage, path = "/", headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${stage.port()}${path}`, {
    headers: { connection: "close", ...headers },
  });
  const text = await answer.text();
  return answer.status === 200 ? text : String(answer.status);
}

/** How many of `requests`, one after the other, each endpoint answers. */
async function count(stage: Stage, requests: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let request = 0; request < requests; request++) {
    const name = await ask(stage);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const health = { path: "/health", interval: "20ms", fastInterval: "10ms", rise: 1, fall: 1, jitter: "0%" };

for (const [title, workers] of modes) {
  for (const [balance, kind] of [
    [{ ringHash: { key: "header:x-user" } }, "header"],
    [{ maglev: { key: "query:user" } }, "query"],
    [{ maglev: { key: "cookie:user" } }, "cookie"],
    [{ ringHash: { key: "path" } }, "path"],
  ] as const) {
    test(`${title}: one ${kind} value goes to one endpoint, from any connection; without it requests spread`, async (context) => {
      const { origins } = await startOrigins(context, "abcd");
      const stage = await startStage(context, workers, { endpoints: origins.map(({ url }) => url), balance });
      const askFor = (user: string): Promise<string> => {
        if (kind === "header") return ask(stage, "/", { "x-user": user });
        if (kind === "cookie") return ask(stage, "/", { cookie: `a=b; user=${user}` });
        return ask(stage, kind === "query" ? `/?user=${user}` : `/users/${user}`);
      };
      const homes = new Map<string, string>();
      for (let user = 0; user < 12; user++) homes.set(`u${user}`, await askFor(`u${user}`));
      for (const [user, home] of homes) assert.equal(await askFor(user), home);
      assert.ok(new Set(homes.values()).size > 1);
      if (kind !== "path") assert.ok(Object.keys(await count(stage, 30)).length > 1);
    });
  }

  test(`${title}: peak-ewma leaves an endpoint alone that has become slow`, async (context) => {
    const { origins, behaviours } = await startOrigins(context, "abc");
    const stage = await startStage(context, workers, {
      endpoints: origins.map(({ url }) => url),
      balance: "peak-ewma",
    });
    await count(stage, 12);
    behaviours[1]!.delayMs = 150;
    const counts = await count(stage, 60);
    // Each thread may have one of them under way when the first sample arrives.
    assert.ok((counts["b"] ?? 0) <= 2, JSON.stringify(counts));
  });

  test(`${title}: where too few pass their checks, all that answer are used; where they do not answer, that is believed`, async (context) => {
    const { origins, behaviours } = await startOrigins(context, "abcd");
    const stage = await startStage(context, workers, { endpoints: origins.map(({ url }) => url), health });
    const up = async (): Promise<number> => (await stage.metrics()).sum("millrace_endpoint_up");
    behaviours[0]!.healthStatus = 500;
    behaviours[3]!.healthStatus = 500;
    await eventually(async () => (await up()) === 2, "two are out");
    assert.deepEqual(Object.keys(await count(stage, 12)).sort(), ["b", "c"]);
    behaviours[1]!.healthStatus = 500;
    await eventually(async () => (await up()) === 1, "three are out");
    assert.deepEqual(Object.keys(await count(stage, 16)).sort(), ["a", "b", "c", "d"]);
    assert.equal((await stage.metrics()).sum("millrace_upstream_panic"), 1);
    behaviours[2]!.healthStatus = 500;
    await eventually(async () => (await up()) === 0, "all are out");
    assert.deepEqual(Object.keys(await count(stage, 16)).sort(), ["a", "b", "c", "d"], "the check is doubted");
    for (const origin of origins) await origin.close();
    await eventually(async () => (await ask(stage)) === "503", "nobody answers, and requests fail at once");
    assert.equal((await stage.metrics()).sum("millrace_upstream_panic"), 0);
    assert.ok(stage.messages.some(({ level, message }) => level === "warn" && message.startsWith("upstream panics")));
  });

  test(`${title}: with a zone, its endpoints serve until too few of them are left`, async (context) => {
    const { origins, behaviours } = await startOrigins(context, "abxy");
    const endpoints = origins.map(({ url }, index) => ({ url, zone: index < 2 ? "here" : "there" }));
    const stage = await startStage(context, workers, { endpoints, health }, { zone: "here" });
    assert.deepEqual(Object.keys(await count(stage, 12)).sort(), ["a", "b"]);
    behaviours[0]!.healthStatus = 500;
    await eventually(async () => (await stage.metrics()).sum("millrace_endpoint_up") === 3, "one of the zone is out");
    assert.deepEqual(Object.keys(await count(stage, 12)).sort(), ["b", "x", "y"]);
    await stage.reload(configOf(workers, { endpoints, health }, { zone: "there" }));
    assert.deepEqual(Object.keys(await count(stage, 12)).sort(), ["x", "y"], "a reload may move the instance");
  });

  test(`${title}: slow start spares an endpoint that a reload adds, and one that comes back, not those of the beginning`, async (context) => {
    const { origins, behaviours } = await startOrigins(context, "abc");
    const urls = origins.map(({ url }) => url);
    const options = { health, slowStart: "1h", balance: "round-robin" };
    const stage = await startStage(context, workers, { endpoints: urls.slice(0, 2), ...options });
    assert.deepEqual(await count(stage, 40), { a: 20, b: 20 });
    await stage.reload(configOf(workers, { endpoints: urls, ...options }));
    const counts = await count(stage, 42);
    assert.ok(counts["c"]! <= 3 && counts["a"]! >= 19, JSON.stringify(counts));
    await stage.reload(configOf(workers, { endpoints: urls, ...options, retry: { attempts: 1 } }));
    assert.ok(((await count(stage, 42))["c"] ?? 0) <= 3, "another reload does not end it");
    behaviours[0]!.healthStatus = 500;
    await eventually(async () => (await stage.metrics()).sum("millrace_endpoint_up") === 2, "one is out");
    behaviours[0]!.healthStatus = 200;
    await eventually(async () => (await stage.metrics()).sum("millrace_endpoint_up") === 3, "it is back");
    const after = await count(stage, 48);
    assert.ok(after["b"]! >= 38, JSON.stringify(after));
  });
}
