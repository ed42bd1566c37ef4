/** `fault` and `overload` from outside. */
import assert from "node:assert/strict";
import { after, test, type TestContext } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { Stage } from "../support/stage.ts";

const body = "x".repeat(30_000);
const origin = await Origin.start((_incoming, outgoing) => void outgoing.end(body));
after(() => origin.close());

async function start(t: TestContext, routes: readonly object[], extra: object = {}): Promise<Stage> {
  const stage = await Stage.start({
    workers: 0,
    listeners: [{ address: "127.0.0.1:0" }],
    routes,
    upstreams: { app: { endpoints: [origin.url] } },
    ...extra,
  } as unknown as ConfigInput);
  t.after(() => stage.close());
  return stage;
}

const ask = (stage: Stage, path = "/"): Promise<Response> => fetch(`http://127.0.0.1:${stage.port()}${path}`);

test("an aborted request never reaches the endpoint, and the log and metrics call it a fault", async (t) => {
  const stage = await start(t, [
    { name: "shaky", middlewares: [{ fault: { abort: { status: 502 } } }], upstream: "app" },
  ]);
  const before = origin.connectionCount;
  const response = await ask(stage);
  assert.equal(response.status, 502);
  assert.match(await response.text(), /FAULT_INJECTED/);
  assert.equal(origin.connectionCount, before);
  const metrics = await stage.metrics();
  assert.equal(metrics.sum("millrace_faults_injected_total", { route: "shaky", kind: "abort" }), 1);
  assert.equal(metrics.sum("millrace_failures_total", { reason: "FAULT_INJECTED" }), 1);
});

test("a delay holds the request, and a slow answer takes its time; both arrive whole", async (t) => {
  const stage = await start(t, [
    {
      middlewares: [{ fault: { delay: { duration: "100ms" }, bandwidth: { bytesPerSecond: 100_000 } } }],
      upstream: "app",
    },
  ]);
  const startMs = performance.now();
  const response = await ask(stage);
  assert.ok(performance.now() - startMs >= 95);
  assert.equal(await response.text(), body);
  // 30,000 bytes at 100,000 a second, the first 5,000 at once.
  assert.ok(performance.now() - startMs >= 95 + 240, `${performance.now() - startMs} ms`);
});

test("a client that leaves during a slow answer leaves nothing behind", async (t) => {
  const stage = await start(t, [
    { middlewares: [{ fault: { bandwidth: { bytesPerSecond: 1_000 } } }], upstream: "app" },
  ]);
  const client = await RawClient.connect(stage.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await client.untilReceived(10);
  client.destroy();
  await eventually(async () => (await stage.proxy.inspect()).exchanges === 0, "the exchange is over");
});

test("while the event loop is late, early routes are refused first, and what must get through does", async (t) => {
  const stage = await start(
    t,
    [
      { name: "batch", match: { path: "/batch" }, shed: "early", upstream: "app" },
      { name: "health", match: { path: "/health" }, shed: "never", upstream: "app" },
      { name: "web", upstream: "app" },
    ],
    { overload: { maxEventLoopLag: "20ms" } },
  );
  await eventually(async () => (await ask(stage, "/batch")).status === 200, "an idle proxy takes everything");
  // Proxy and test share a thread: its event loop is as late as we make it.
  let refused: Response | null = null;
  await eventually(async () => {
    for (const endMs = performance.now() + 150; performance.now() < endMs; );
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    const response = await ask(stage, "/batch");
    if (response.status === 503) refused = response;
    assert.equal((await ask(stage, "/health")).status, 200);
    return refused !== null;
  }, "a request is refused");
  const response = refused as unknown as Response;
  assert.equal(response.headers.get("retry-after"), "1");
  assert.match(await response.text(), /OVERLOADED/);
  assert.ok((await stage.metrics()).sum("millrace_shed_total", { route: "batch" }) >= 1);
  await eventually(async () => (await ask(stage, "/batch")).status === 200, "it recovers");
});
