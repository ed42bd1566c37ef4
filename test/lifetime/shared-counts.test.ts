/** What all threads count together is exact: requests, turns of the balancer, connections under a limit. */
import assert from "node:assert/strict";
import type { ConfigInput } from "../../src/index.ts";
import { echo } from "../support/endpoint.ts";
import { testOverProtocols } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Speaker } from "../support/speaker.ts";

for (const [title, workers] of [...modes, ["with three threads", 3] as const]) {
  testOverProtocols(`many clients at once are counted exactly and spread in exact turns, ${title}`, async (harness) => {
    const endpoints = [await harness.endpoint(echo("a")), await harness.endpoint(echo("b"))];
    const proxy = await harness.proxy({
      config: {
        workers,
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        routes: [{ name: "all", upstream: "app" }],
        upstreams: { app: { endpoints: endpoints.map(({ url }) => url) } },
      },
    });
    const load = harness.load({ clients: 20, requestsPerClient: 50 });
    await load.done();
    assert.deepEqual(load.failures, []);
    assert.equal(load.answered, 1_000);
    assert.deepEqual(load.byEndpoint, { a: 500, b: 500 });
    await eventually(
      async () => (await proxy.metrics()).sum("millrace_requests_in_flight") === 0,
      "every exchange has ended",
    );
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_requests_total"), 1_000);
    assert.equal(
      metrics.sum("millrace_requests_total", {
        listener: "main",
        route: "all",
        upstream: "app",
        method: "GET",
        code: "200",
      }),
      500,
    );
    assert.equal(metrics.sum("millrace_request_duration_seconds_count"), 1_000);
    assert.deepEqual(Object.values(metrics.by("millrace_upstream_requests_total", "endpoint")), [500, 500]);
    assert.equal(metrics.sum("millrace_connections_accepted_total"), 20);
    assert.equal(
      metrics.sum("millrace_response_bytes_total"),
      Array.from({ length: 20 }, (_, client) => Array.from({ length: 50 }, (_, count) => `/${client}-${count}`.length))
        .flat()
        .reduce((sum, size) => sum + size),
    );
  });
}

for (const [title, workers] of modes) {
  testOverProtocols(
    `a limit of connections holds over all threads and frees what is closed, ${title}`,
    async (harness) => {
      const proxy = await harness.proxy({
        config: {
          workers,
          listeners: [{ name: "main", address: "127.0.0.1:0", limits: { connections: 10 } }],
          routes: [{ respond: { status: 200, body: "here" } }],
        },
      });
      /** Whether a new connection is served; one that is not is closed by the proxy. */
      const served: Speaker[] = [];
      const tryOne = async (): Promise<boolean> => {
        const client = await harness.speaker();
        return client.ask().then(
          () => served.push(client) > 0,
          () => false,
        );
      };
      const first = await Promise.all(Array.from({ length: 25 }, tryOne));
      assert.equal(first.filter((isServed) => isServed).length, 10);
      assert.equal((await proxy.metrics()).sum("millrace_connections_refused_total"), 15);
      await Promise.all(served.slice(0, 4).map((client) => client.close()));
      await eventually(async () => (await proxy.inspect()).connections === 6, "four places are free");
      assert.equal((await Promise.all(Array.from({ length: 9 }, tryOne))).filter((isServed) => isServed).length, 4);
      // A limit that a reload takes away holds no more; one that it lowers closes nobody.
      const withLimit = (connections: number): ConfigInput => ({
        workers,
        listeners: [{ name: "main", address: "127.0.0.1:0", limits: { connections } }],
        routes: [{ respond: { status: 200, body: "here" } }],
      });
      await proxy.reload({ config: withLimit(5) });
      assert.equal(await tryOne(), false);
      assert.equal((await proxy.inspect()).connections, 10);
      await proxy.reload({ config: withLimit(0) });
      assert.equal(await tryOne(), true);
      for (const client of served) client.destroy();
    },
  );
}
