/** Reloads while clients keep the proxy busy: every request is answered, and every reload takes effect. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo } from "../support/endpoint.ts";
import { testOverProtocols } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const reloads = 20;
const clients = 6;
/** Answers between two reloads. */
const gap = 40;

const subsets = [["a", "b", "c"], ["a"], ["b", "c"], ["c", "a"], ["b"]];
const balances = ["round-robin", "least-connections", "random", "power-of-two"] as const;

/**
 * The configuration number `step`: something of everything changes from one to the next, and every answer tells which
 * one made it.
 */
function configOf(
  step: number,
  served: Readonly<Record<string, Endpoint>>,
  folder: string,
  workers: number,
): ConfigInput {
  const names = subsets[step % subsets.length] ?? [];
  const isEven = step % 2 === 0;
  return {
    workers,
    shutdown: { grace: "10s" },
    listeners: [
      {
        name: "main",
        address: "127.0.0.1:0",
        limits: { headFields: 100 + step },
        timeouts: { keepAlive: `${60 + step}s` },
        trustedProxies: isEven ? ["192.0.2.0/24"] : [],
      },
      ...(step % 3 === 1 ? [{ name: "second", address: "localhost:0" }] : []),
    ],
    routes: [
      ...Array.from({ length: step % 4 }, (_, index) => ({
        name: `extra-${index}`,
        match: { path: `/extra-${index}/*` },
        respond: { status: 204 },
      })),
      // Its name stays: counts go with the names of routes that are gone.
      {
        name: "all",
        upstream: "app",
        middlewares: [{ headers: { response: { set: { "x-step": String(step) } } } }],
        timeouts: { total: `${20 + step}s` },
      },
    ],
    upstreams: {
      app: {
        endpoints: names.map((name, index) => ({ url: served[name]!.url, weight: 1 + ((index + step) % 3) })),
        balance: balances[step % balances.length] ?? "random",
        // Every other reload leaves the connections alone.
        timeouts: { connect: `${3 + (step >> 1)}s` },
        pool: { maxIdle: 64 + (step >> 2) },
      },
      ...(isEven ? { unused: { endpoints: [served["a"]!.url] } } : {}),
    },
    log: { stats: "0s", access: { format: "json", path: join(folder, `access-${step % 3}.log`) } },
  };
}

for (const [title, workers] of modes) {
  testOverProtocols(`${reloads} reloads under load lose no request, ${title}`, async (harness) => {
    const endpoints: Record<string, Endpoint> = {};
    for (const name of ["a", "b", "c"]) endpoints[name] = await harness.endpoint(echo(name));
    const proxy = await harness.proxy((folder) => ({ config: configOf(0, endpoints, folder, workers) }));
    const load = harness.load({ clients });
    const witness = await harness.speaker();
    let witnessed = 0;
    await load.untilMore(gap);
    for (let step = 1; step <= reloads; step++) {
      await proxy.reload({ config: configOf(step, endpoints, proxy.folder, workers) });
      // On the connection that was there from the beginning, too, the new configuration holds from the next request
      // on.
      const answer = await witness.ask({ path: `/witness-${step}` });
      witnessed++;
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.values("x-step"), [String(step)]);
      await load.untilMore(gap);
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.deepEqual(proxy.complaints, []);
    await witness.close();
    // A thread counts behind its answer.
    await eventually(
      async () => (await proxy.metrics()).sum("millrace_requests_total") >= load.answered + witnessed,
      "every request is counted",
    );
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_requests_total"), load.answered + witnessed);
    assert.equal(metrics.sum("millrace_requests_total", { code: "200" }), load.answered + witnessed);
    assert.equal(metrics.sum("millrace_config_reloads_total", { result: "success" }), reloads);
    assert.equal(metrics.sum("millrace_retries_total"), 0, "nor did it take a second attempt");
    // The last configuration has one endpoint; the others' connections are gone although nobody closed them.
    await proxy.reload({ config: configOf(reloads + 1, endpoints, proxy.folder, workers) });
    assert.deepEqual(subsets[(reloads + 1) % subsets.length], ["a"]);
    await eventually(
      () => endpoints["b"]!.openCount === 0 && endpoints["c"]!.openCount === 0,
      "connections to removed endpoints are closed",
    );
    for (const endpoint of Object.values(endpoints)) await endpoint.close();
    await proxy.untilEmpty();
    await proxy.proxy.close({ graceMs: 0 });
    const lines = [0, 1, 2].flatMap((file) =>
      readFileSync(join(proxy.folder, `access-${file}.log`), "utf8")
        .split("\n")
        .filter((line) => line !== ""),
    );
    assert.equal(lines.length, load.answered + witnessed, "each request is logged once, in the file of its time");
  });
}
