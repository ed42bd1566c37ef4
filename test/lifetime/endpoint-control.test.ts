/**
 * Endpoints taken out and brought back while clients keep the proxy busy: no request is lost, and a drained endpoint
 * gets none.
 */
import assert from "node:assert/strict";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo, silence } from "../support/endpoint.ts";
import { freePort } from "../support/free-port.ts";
import { testOverProtocols } from "../support/harness.ts";
import { eventually } from "../support/signal.ts";
import { modes } from "../support/proxy-under-test.ts";

const names = ["a", "b", "c"];

for (const [title, workers] of modes) {
  const configOf = (endpoints: Readonly<Record<string, Endpoint>>): ConfigInput => ({
    workers,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ upstream: "app" }],
    upstreams: { app: { endpoints: Object.values(endpoints).map(({ url }) => ({ url })) } },
  });

  testOverProtocols(
    `a rolling restart by drain and enable loses no request, POST included, ${title}`,
    async (harness) => {
      const endpoints: Record<string, Endpoint> = {};
      for (const name of names) endpoints[name] = await harness.endpoint(echo(name), await freePort());
      const proxy = await harness.proxy({ config: configOf(endpoints) });
      const load = harness.load({ clients: 8 });
      const change = async (name: string, action: string): Promise<{ endpoint: { inFlight: number } }> => {
        const path = `/api/v1/upstreams/app/endpoints/${encodeURIComponent(endpoints[name]!.url)}`;
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
        const drained = endpoints[name]!;
        const askedCount = drained.requests.length;
        await load.untilMore(100);
        assert.equal(drained.requests.length, askedCount, "a drained endpoint gets nothing");
        // The instance goes, and another comes in its place.
        await drained.close();
        await load.untilMore(20);
        const next = await harness.endpoint(echo(name), drained.port);
        endpoints[name] = next;
        await change(name, "enable");
        await load.untilMore(100);
        assert.ok(next.requests.length > 0, "an enabled one gets its share again");
      }
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.equal((await proxy.metrics()).sum("millrace_retries_total"), 0, "nor did it take a second attempt");
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testOverProtocols(`what is under way at a drained endpoint ends as it began, ${title}`, async (harness) => {
    const endpoints = {
      a: await harness.endpoint(silence),
      b: await harness.endpoint(echo("b")),
    };
    const proxy = await harness.proxy({
      config: {
        ...configOf(endpoints),
        upstreams: { app: { endpoints: [endpoints.a.url, { url: endpoints.b.url, backup: true }] } },
      },
    });
    const client = await harness.speaker();
    const exchange = client.begin({ path: "/held" });
    const asked = await endpoints.a.asked();
    const control = proxy.proxy.endpointControl;
    const drained = control.apply("app", endpoints.a.url, { kind: "drain" });
    assert.ok("endpoint" in drained);
    assert.deepEqual([drained.endpoint.inFlight, drained.takingCount], [1, 1]);
    assert.equal((await proxy.metrics()).sum("millrace_endpoint_draining"), 1);
    assert.equal((await harness.ask({ path: "/next" })).text, "/next", "the other endpoint answers");
    asked.answer({ body: "late" });
    assert.equal((await exchange.answer()).text, "late");
    await client.close();
    const inFlight = (): number => {
      const report = control.apply("app", endpoints.a.url, null);
      return "endpoint" in report ? report.endpoint.inFlight : -1;
    };
    await eventually(() => inFlight() === 0, "it is idle");
  });
}
