/** Failing endpoints and dying threads at once with what all threads share: ejections, limits, queues. */
import assert from "node:assert/strict";
import { silence } from "../support/endpoint.ts";
import type { EndpointExchange } from "../support/endpoint-server.ts";
import { testOverProtocols } from "../support/harness.ts";
import { eventually } from "../support/signal.ts";

const workers = 2;
const listeners = [{ name: "main", address: "127.0.0.1:0", limits: { connections: 1_000 } }];
const routes = [{ name: "all", upstream: "app" }];

testOverProtocols(
  "three endpoints, one is killed under load, and comes back: no client of an idempotent request notices, and it serves again",
  async (harness) => {
    const endpoints = await Promise.all(["one", "two", "three"].map((name) => harness.endpointProcess(name)));
    const proxy = await harness.proxy({
      config: {
        workers,
        listeners,
        routes,
        upstreams: { app: { endpoints: endpoints.map(({ url }) => url), outlier: { ejection: "500ms" } } },
      },
    });
    const load = harness.load({ clients: 16, isIdempotent: true });
    const answersOf = (name: string): number => load.byEndpoint[name] ?? 0;
    await load.untilMore(1_000);
    await endpoints[2]!.kill();
    await load.untilMore(2_000);
    await eventually(async () => (await proxy.metrics()).sum("millrace_ejections_total") > 0, "it was ejected");
    endpoints[2] = await harness.endpointProcess("three", endpoints[2]!.port);
    const before = answersOf("three");
    while (answersOf("three") <= before + 100 && load.failures.length === 0) await load.untilMore(100);
    await load.stop();
    assert.deepEqual(load.failures, []);
    const metrics = await proxy.metrics();
    assert.ok(metrics.sum("millrace_retries_total") > 0 && metrics.sum("millrace_retries_refused_total") === 0);
  },
);

testOverProtocols(
  "threads that die give the places back that they held, and those that waited in them",
  async (harness) => {
    const endpoint = await harness.endpoint(silence);
    const proxy = await harness.proxy({
      config: {
        workers,
        listeners,
        routes,
        upstreams: { app: { endpoints: [endpoint.url], limits: { maxRequests: 6, maxRequestsPerEndpoint: 6 } } },
      },
    });
    const clients = await harness.speakers(30);
    for (const client of clients) client.begin();
    await endpoint.until(() => endpoint.requests.length === 6, "the limit is reached");
    await eventually(async () => (await proxy.metrics()).sum("millrace_upstream_pending") === 24, "the others wait");
    for (const index of [0, 1]) await proxy.killThread(index);
    await eventually(
      async () => (await proxy.metrics()).sum("millrace_proxy_threads") === workers,
      "the threads are replaced",
    );
    assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 0);
    endpoint.behaviour = {};
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await harness.ask()).status));
    assert.deepEqual(statuses, Array(12).fill(200));
    for (const client of clients) client.destroy();
  },
);

testOverProtocols("limits hold over reloads that change them, and nobody who waits is lost", async (harness) => {
  let isHolding = true;
  const held: EndpointExchange[] = [];
  const endpoint = await harness.endpoint((exchange) => {
    if (isHolding) held.push(exchange);
    else exchange.answer();
  });
  const configOf = (maxRequests: number) => ({
    workers,
    listeners,
    routes,
    upstreams: { app: { endpoints: [endpoint.url], limits: { maxRequests, pendingTimeout: "30s" } } },
  });
  const proxy = await harness.proxy({ config: configOf(4) });
  const statuses = Array.from({ length: 20 }, async () => (await harness.ask()).status);
  await eventually(
    async () => held.length === 4 && (await proxy.metrics()).sum("millrace_upstream_pending") === 16,
    "four are served, the others wait",
  );
  await proxy.reload({ config: configOf(2) });
  assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 16, "they go on waiting");
  assert.equal(held.length, 4);
  isHolding = false;
  for (const exchange of held) exchange.answer();
  assert.deepEqual(await Promise.all(statuses), Array(20).fill(200));
  assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 0);
});
