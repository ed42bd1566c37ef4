/** Failing endpoints and dying threads at once with what all threads share: ejections, limits, queues. */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { echo } from "../support/load.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually, Signal } from "../support/signal.ts";

const workers = 2;
const listeners = [{ name: "main", address: "127.0.0.1:0", limits: { connections: 1_000 } }];
const routes = [{ name: "all", upstream: "app" }];

testWithHarness(
  "three endpoints, one is killed under load, and comes back: no client of an idempotent request notices, and it serves again",
  async (harness) => {
    const endpoints = await Promise.all(["one", "two", "three"].map((name) => harness.originProcess(name)));
    const proxy = await harness.proxy({
      config: {
        workers,
        listeners,
        routes,
        upstreams: { app: { endpoints: endpoints.map(({ url }) => url), outlier: { ejection: "500ms" } } },
      },
    });
    const signal = new Signal();
    const failures: string[] = [];
    const byEndpoint: Record<string, number> = {};
    let answered = 0;
    let isOver = false;
    const clients = Array.from({ length: 16 }, async (_, index) => {
      const client = await harness.raw(proxy);
      for (let count = 0; !isOver; count++) {
        const target = `/${index}-${count}`;
        client.send(
          `${count % 3 === 0 ? "PUT" : "GET"} ${target} HTTP/1.1\r\nHost: a\r\n${count % 3 === 0 ? "Content-Length: 4\r\n\r\nbody" : "\r\n"}`,
        );
        const { status, body, fields } = await client.response();
        if (status !== 200 || body.toString() !== target) failures.push(`${target}: ${status} ${body.toString()}`);
        const name = fields.find(([field]) => field === "x-endpoint")?.[1] ?? "";
        byEndpoint[name] = (byEndpoint[name] ?? 0) + 1;
        answered++;
        signal.notify();
      }
      await client.close();
    });
    const untilMore = (count: number): Promise<void> => {
      const goal = answered + count;
      return signal.until(() => answered >= goal || failures.length > 0, `${count} more were answered`);
    };
    await untilMore(1_000);
    await endpoints[2]!.kill();
    await untilMore(2_000);
    await eventually(async () => (await proxy.metrics()).sum("millrace_ejections_total") > 0, "it was ejected");
    endpoints[2] = await harness.originProcess("three", endpoints[2]!.port);
    const before = byEndpoint["three"] ?? 0;
    await signal.until(() => (byEndpoint["three"] ?? 0) > before + 100 || failures.length > 0, "it serves again");
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual(failures, []);
    const metrics = await proxy.metrics();
    assert.ok(metrics.sum("millrace_retries_total") > 0 && metrics.sum("millrace_retries_refused_total") === 0);
  },
);

testWithHarness(
  "threads that die give the places back that they held, and those that waited in them",
  async (harness) => {
    const upstream = await harness.scripted({});
    const proxy = await harness.proxy({
      config: {
        workers,
        listeners,
        routes,
        upstreams: { app: { endpoints: [upstream.url], limits: { maxRequests: 6, maxRequestsPerEndpoint: 6 } } },
      },
    });
    const clients: RawClient[] = [];
    for (let count = 0; count < 30; count++) {
      const client = await harness.raw(proxy);
      clients.push(client);
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    await upstream.until(() => upstream.requests.length === 6, "the limit is reached");
    await eventually(async () => (await proxy.metrics()).sum("millrace_upstream_pending") === 24, "the others wait");
    for (const index of [0, 1]) await proxy.killThread(index);
    await eventually(
      async () => (await proxy.metrics()).sum("millrace_proxy_threads") === workers,
      "the threads are replaced",
    );
    assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 0);
    upstream.script = { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const client = await harness.raw(proxy);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert.equal((await client.response()).status, 200);
        await client.close();
      }),
    );
    for (const client of clients) client.destroy();
  },
);

testWithHarness("limits hold over reloads that change them, and nobody who waits is lost", async (harness) => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let inFlight = 0;
  let most = 0;
  const origin = await harness.origin((request, response) => {
    most = Math.max(most, ++inFlight);
    void held.then(() => {
      inFlight--;
      echo("one")(request, response);
    });
  });
  const configOf = (maxRequests: number) => ({
    workers,
    listeners,
    routes,
    upstreams: { app: { endpoints: [origin.url], limits: { maxRequests, pendingTimeout: "30s" } } },
  });
  const proxy = await harness.proxy({ config: configOf(4) });
  const statuses = Array.from({ length: 20 }, async () => {
    const client = await harness.raw(proxy);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const { status } = await client.response();
    await client.close();
    return status;
  });
  await eventually(
    async () => inFlight === 4 && (await proxy.metrics()).sum("millrace_upstream_pending") === 16,
    "four are served, the others wait",
  );
  await proxy.reload({ config: configOf(2) });
  assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 16, "they go on waiting");
  release();
  assert.deepEqual(await Promise.all(statuses), Array(20).fill(200));
  assert.equal(most, 4);
  assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 0);
});
