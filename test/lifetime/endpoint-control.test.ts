/**
 * Endpoints taken out and brought back while clients keep the proxy busy: no request is lost, and a drained endpoint
 * gets none.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { ConfigInput } from "../../src/index.ts";
import { testWithHarness } from "../support/harness.ts";
import { echo } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { eventually } from "../support/signal.ts";
import { modes } from "../support/proxy-under-test.ts";

const names = ["a", "b", "c"];

for (const [title, workers] of modes) {
  const configOf = (origins: Readonly<Record<string, Origin>>): ConfigInput => ({
    workers,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ upstream: "app" }],
    upstreams: { app: { endpoints: Object.values(origins).map((origin) => ({ url: origin.url })) } },
  });

  testWithHarness(
    `a rolling restart by drain and enable loses no request, POST included, ${title}`,
    async (harness) => {
      const origins: Record<string, Origin> = {};
      for (const name of names) origins[name] = await harness.origin(echo(name));
      const proxy = await harness.proxy({ config: configOf(origins) });
      const load = harness.load({ clients: 8 });
      const change = async (name: string, action: string): Promise<{ endpoint: { inFlight: number } }> => {
        const path = `/api/v1/upstreams/app/endpoints/${encodeURIComponent(origins[name]!.url)}`;
        const answer = await fetch(`${proxy.admin}${path}${action === "" ? "" : `/${action}`}`, {
          method: action === "" ? "GET" : "POST",
        });
        assert.equal(answer.status, 200);
        return (await answer.json()) as { endpoint: { inFlight: number } };
      };
      await load.untilMore(100);
      for (const name of names) {
        await change(name, "drain");
        await eventually(
          async () => (await change(name, "")).endpoint.inFlight === 0,
          `nothing is in flight at ${name}`,
        );
        const { port } = origins[name]!;
        const before = load.byEndpoint[name] ?? 0;
        // The instance goes, and another comes in its place.
        await origins[name]!.close();
        await load.untilMore(100);
        assert.ok((load.byEndpoint[name] ?? 0) <= before + 1, "a drained endpoint gets nothing");
        origins[name] = await harness.origin(echo(name), port);
        await change(name, "enable");
        await load.untilMore(100);
        assert.ok((load.byEndpoint[name] ?? 0) > before, "an enabled one gets its share again");
      }
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.equal((await proxy.metrics()).sum("millrace_retries_total"), 0, "nor did it take a second attempt");
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testWithHarness(`what is under way at a drained endpoint ends as it began, ${title}`, async (harness) => {
    const held: ServerResponse[] = [];
    const origins = {
      a: await harness.origin((_request, response) => void held.push(response)),
      b: await harness.origin(echo("b")),
    };
    const proxy = await harness.proxy({
      config: {
        ...configOf(origins),
        upstreams: { app: { endpoints: [origins.a.url, { url: origins.b.url, backup: true }] } },
      },
    });
    const client = await harness.raw(proxy);
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    await eventually(() => held.length > 0, "it is held");
    const control = proxy.proxy.endpointControl;
    const drained = control.apply("app", origins.a.url, { kind: "drain" });
    assert.ok("endpoint" in drained);
    assert.deepEqual([drained.endpoint.inFlight, drained.takingCount], [1, 1]);
    assert.equal((await proxy.metrics()).sum("millrace_endpoint_draining"), 1);
    assert.equal(
      await (await fetch(`http://127.0.0.1:${proxy.port}/next`)).text(),
      "/next",
      "the other endpoint answers",
    );
    held[0]?.end("late");
    assert.equal((await client.response()).body.toString(), "late");
    await client.close();
    const inFlight = (): number => {
      const report = control.apply("app", origins.a.url, null);
      return "endpoint" in report ? report.endpoint.inFlight : -1;
    };
    await eventually(() => inFlight() === 0, "it is idle");
  });
}
