/** A reload forgets what it replaces: after any number of them there is one runtime, and what belongs to one. */
import assert from "node:assert/strict";
import { queryObjects } from "node:v8";
import type { ConfigInput } from "../../src/index.ts";
import { Router } from "../../src/route/router.ts";
import { Runtime } from "../../src/server/runtime.ts";
import { Http1Transport } from "../../src/upstream/transport/http1-transport.ts";
import { Upstream } from "../../src/upstream/upstream.ts";
import { testWithHarness } from "../support/harness.ts";

type Middlewares = NonNullable<ConfigInput["routes"][number]["middlewares"]>;

/** Everything that keeps something of a runtime, each time a little different. */
function configuration(round: number, url: string): ConfigInput {
  const even = round % 2 === 0;
  const common = {
    endpoints: [url, `http://127.0.0.1:${even ? 1 : 2}`],
    slowStart: `${round + 1}s`,
    pool: { maxIdle: round + 1 },
    outlier: { consecutiveErrors: round + 1 },
    retry: { attempts: round % 3 },
  };
  const middlewares: Middlewares = [
    { rateLimit: { rate: `${1000 + round}/s` } },
    { bodyLimit: { maxRequestBytes: 1000 + round } },
    { buffer: { maxRequestBytes: 100 + round } },
    { fault: { delay: { percent: 0, duration: "1ms" } } },
    { headers: { request: { set: { "x-round": String(round) } }, response: { set: { "x-round": String(round) } } } },
    { rewrite: { addPrefix: `/${round}` } },
  ];
  return {
    workers: 0,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [
      { match: { path: `/respond-${round}` }, respond: { status: 200, body: String(round) } },
      { match: { path: "/redirect" }, redirect: { to: `https://example.com/${round}{path}` } },
      {
        match: { path: "/sticky", host: [`h${round}.example.com`, "*.example.com"] },
        upstream: "sticky",
        shed: "early",
      },
      { match: { path: "/limited", header: { "x-a": String(round) } }, upstream: "limited", timeouts: { total: "9s" } },
      { match: { path: "/gone" }, upstream: even ? "gone" : "came" },
      { upstream: "plain", middlewares },
    ],
    upstreams: {
      plain: common,
      sticky: { ...common, sticky: { cookie: { name: `c${round}` } }, balance: "peak-ewma" },
      limited: {
        ...common,
        breaker: { minRequests: 10 + round },
        limits: { maxRequests: 10 + round, adaptive: {} },
        hedge: { after: "1s" },
        balance: { maglev: { key: "cookie:sid" } },
        sticky: { key: "header:x-user" },
      } as NonNullable<ConfigInput["upstreams"]>[string],
      [even ? "gone" : "came"]: { ...common, balance: { ringHash: { key: "path" } } },
    },
    overload: { maxEventLoopLag: even ? "0s" : "10s" },
  };
}

testWithHarness("after many reloads nothing of the runtimes before is left in memory", async (harness) => {
  const { url } = await harness.endpoint();
  const proxy = await harness.proxy({ config: configuration(0, url) });
  assert.equal((await harness.ask()).status, 200);
  for (let round = 1; round <= 8; round++) {
    await proxy.reload({ config: configuration(round, url) });
    assert.equal((await harness.ask()).status, 200);
  }
  // The last exchange may still hold the runtime that it began with; none may hold one of those before.
  const count = (kind: new (...parts: never[]) => object): number => queryObjects(kind, { format: "count" });
  assert.ok(count(Runtime) <= 2, `${count(Runtime)} runtimes are alive after 8 reloads`);
  assert.ok(count(Router) <= 2, `${count(Router)} routers`);
  assert.ok(count(Upstream) <= 2 * 4, `${count(Upstream)} upstreams`);
  assert.ok(count(Http1Transport) <= 2 * 4 * 2, `${count(Http1Transport)} transports`);
});
