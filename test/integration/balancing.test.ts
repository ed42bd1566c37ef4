/** Balancing as clients see it: keys, latencies, zones, panic and slow start, through a whole proxy. */
import assert from "node:assert/strict";
import type { Endpoint } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { modes, type ProxyOptions } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

/** How an endpoint behaves; its name is what it answers. */
interface Behaviour {
  healthStatus: number;
  delayMs: number;
}

async function startEndpoints(
  harness: Harness,
  names: string,
): Promise<{ endpoints: Endpoint[]; urls: string[]; behaviours: Behaviour[] }> {
  const behaviours = [...names].map((): Behaviour => ({ healthStatus: 200, delayMs: 0 }));
  const endpoints = await Promise.all(
    [...names].map((name, index) =>
      harness.endpoint((exchange) => {
        const { healthStatus, delayMs } = behaviours[index]!;
        if (exchange.request.target === "/health") exchange.answer({ status: healthStatus });
        else if (delayMs === 0) exchange.answer({ body: name });
        else setTimeout(() => exchange.answer({ body: name }), delayMs);
      }),
    ),
  );
  return { endpoints, urls: endpoints.map(({ url }) => url), behaviours };
}

/** Who answers a request by a connection of its own; "503" and the like if nobody does. */
async function ask(harness: Harness, path = "/", fields: Record<string, string> = {}): Promise<string> {
  const { status, text } = await harness.ask({ path, fields });
  return status === 200 ? text : String(status);
}

/** How many of `requests`, one after the other, each endpoint answers. */
async function count(harness: Harness, requests: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let request = 0; request < requests; request++) {
    const name = await ask(harness);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const health = { path: "/health", interval: "20ms", fastInterval: "10ms", rise: 1, fall: 1, jitter: "0%" };

for (const [title, threads] of modes) {
  for (const [balance, kind] of [
    [{ ringHash: { key: "header:x-user" } }, "header"],
    [{ maglev: { key: "query:user" } }, "query"],
    [{ maglev: { key: "cookie:user" } }, "cookie"],
    [{ ringHash: { key: "path" } }, "path"],
  ] as const) {
    testOverProtocols(
      `${title}: one ${kind} value goes to one endpoint, from any connection; without it requests spread`,
      async (harness) => {
        const { urls } = await startEndpoints(harness, "abcd");
        await harness.proxy({ threads, endpoints: urls, upstream: { balance } });
        const askFor = (user: string): Promise<string> => {
          if (kind === "header") return ask(harness, "/", { "x-user": user });
          if (kind === "cookie") return ask(harness, "/", { cookie: `a=b; user=${user}` });
          return ask(harness, kind === "query" ? `/?user=${user}` : `/users/${user}`);
        };
        const homes = new Map<string, string>();
        for (let user = 0; user < 12; user++) homes.set(`u${user}`, await askFor(`u${user}`));
        for (const [user, home] of homes) assert.equal(await askFor(user), home);
        assert.ok(new Set(homes.values()).size > 1);
        if (kind !== "path") assert.ok(Object.keys(await count(harness, 30)).length > 1);
      },
    );
  }

  testOverProtocols(`${title}: peak-ewma leaves an endpoint alone that has become slow`, async (harness) => {
    const { urls, behaviours } = await startEndpoints(harness, "abc");
    await harness.proxy({ threads, endpoints: urls, upstream: { balance: "peak-ewma" } });
    await count(harness, 12);
    behaviours[1]!.delayMs = 400;
    const counts = await count(harness, 60);
    // Each thread may have one of them under way when the first sample arrives.
    assert.ok((counts["b"] ?? 0) <= 2, JSON.stringify(counts));
  });

  testOverProtocols(
    `${title}: if too few pass their checks, all that answer are used; if they do not answer, that is believed`,
    async (harness) => {
      const { endpoints, urls, behaviours } = await startEndpoints(harness, "abcd");
      const proxy = await harness.proxy({ threads, endpoints: urls, upstream: { health } });
      const up = async (): Promise<number> => (await proxy.metrics()).sum("millrace_endpoint_up");
      behaviours[0]!.healthStatus = 500;
      behaviours[3]!.healthStatus = 500;
      await eventually(async () => (await up()) === 2, "two are out");
      assert.deepEqual(Object.keys(await count(harness, 12)).sort(), ["b", "c"]);
      behaviours[1]!.healthStatus = 500;
      await eventually(async () => (await up()) === 1, "three are out");
      assert.deepEqual(Object.keys(await count(harness, 16)).sort(), ["a", "b", "c", "d"]);
      assert.equal((await proxy.metrics()).sum("millrace_upstream_panic"), 1);
      behaviours[2]!.healthStatus = 500;
      await eventually(async () => (await up()) === 0, "all are out");
      assert.deepEqual(Object.keys(await count(harness, 16)).sort(), ["a", "b", "c", "d"], "the check is doubted");
      for (const endpoint of endpoints) await endpoint.close();
      await eventually(async () => (await ask(harness)) === "503", "nobody answers, and requests fail at once");
      assert.equal((await proxy.metrics()).sum("millrace_upstream_panic"), 0);
      assert.ok(proxy.messages.some(({ level, message }) => level === "warn" && message.startsWith("upstream panics")));
    },
  );

  testOverProtocols(`${title}: with a zone, its endpoints serve until too few of them are left`, async (harness) => {
    const { urls, behaviours } = await startEndpoints(harness, "abxy");
    const optionsOf = (zone: string): ProxyOptions => ({
      threads,
      endpoints: urls.map((url, index) => ({ url, zone: index < 2 ? "here" : "there" })),
      upstream: { health },
      config: { zone },
    });
    const proxy = await harness.proxy(optionsOf("here"));
    assert.deepEqual(Object.keys(await count(harness, 12)).sort(), ["a", "b"]);
    behaviours[0]!.healthStatus = 500;
    await eventually(async () => (await proxy.metrics()).sum("millrace_endpoint_up") === 3, "one of the zone is out");
    assert.deepEqual(Object.keys(await count(harness, 12)).sort(), ["b", "x", "y"]);
    await proxy.reload(optionsOf("there"));
    assert.deepEqual(Object.keys(await count(harness, 12)).sort(), ["x", "y"], "a reload may move the instance");
  });

  testOverProtocols(
    `${title}: slow start spares an endpoint that a reload adds, and one that comes back, not those of the beginning`,
    async (harness) => {
      const { urls, behaviours } = await startEndpoints(harness, "abc");
      const upstream = { health, slowStart: "1h", balance: "round-robin" };
      const proxy = await harness.proxy({ threads, endpoints: urls.slice(0, 2), upstream });
      assert.deepEqual(await count(harness, 40), { a: 20, b: 20 });
      await proxy.reload({ endpoints: urls, upstream });
      const counts = await count(harness, 42);
      assert.ok(counts["c"]! <= 3 && counts["a"]! >= 19, JSON.stringify(counts));
      await proxy.reload({ endpoints: urls, upstream: { ...upstream, retry: { attempts: 1 } } });
      assert.ok(((await count(harness, 42))["c"] ?? 0) <= 3, "another reload does not end it");
      behaviours[0]!.healthStatus = 500;
      await eventually(async () => (await proxy.metrics()).sum("millrace_endpoint_up") === 2, "one is out");
      behaviours[0]!.healthStatus = 200;
      await eventually(async () => (await proxy.metrics()).sum("millrace_endpoint_up") === 3, "it is back");
      const after = await count(harness, 48);
      assert.ok(after["b"]! >= 38, JSON.stringify(after));
    },
  );
}
