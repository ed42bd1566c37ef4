/** `fault` and `overload` from outside. */
import assert from "node:assert/strict";
import { testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import { eventually } from "../support/signal.ts";

const body = "x".repeat(30_000);

testOverProtocols(
  "an aborted request never reaches the endpoint, and the log and metrics call it a fault",
  async (harness) => {
    const { client, endpoint, proxy } = await harness.trio({
      routes: [{ name: "shaky", middlewares: [{ fault: { abort: { status: 502 } } }], upstream: "app" }],
    });
    const { status, reason } = await client.ask();
    assert.deepEqual([status, reason], [502, "FAULT_INJECTED"]);
    assert.equal(endpoint.connectionCount, 0);
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_faults_injected_total", { route: "shaky", kind: "abort" }), 1);
    assert.equal(metrics.sum("millrace_failures_total", { reason: "FAULT_INJECTED" }), 1);
    const [lines] = await harness.end();
    assert.deepEqual(
      lines!.map(({ status: logged, reason: code }) => [logged, code]),
      [[502, "FAULT_INJECTED"]],
    );
  },
);

testOverProtocols("a delay holds the request, and a slow answer takes its time; both arrive whole", async (harness) => {
  const { client } = await harness.trio({
    behaviour: { body },
    routes: [
      {
        middlewares: [{ fault: { delay: { duration: "100ms" }, bandwidth: { bytesPerSecond: 100_000 } } }],
        upstream: "app",
      },
    ],
  });
  const startMs = performance.now();
  const exchange = client.begin();
  await exchange.head();
  assert.ok(performance.now() - startMs >= 95);
  assert.equal((await exchange.answer()).text, body);
  // 30,000 bytes at 100,000 a second, the first 5,000 at once.
  assert.ok(performance.now() - startMs >= 95 + 240, `${performance.now() - startMs} ms`);
});

testOverProtocols("a client that leaves during a slow answer leaves nothing behind", async (harness) => {
  const { client, proxy } = await harness.trio({
    behaviour: { body },
    routes: [{ middlewares: [{ fault: { bandwidth: { bytesPerSecond: 1_000 } } }], upstream: "app" }],
  });
  const exchange = client.begin();
  await exchange.untilReceived(10);
  client.destroy();
  await proxy.untilOpen(({ exchanges }) => exchanges === 0, "the exchange is over");
});

testOverProtocols(
  "while the event loop is late, early routes are refused first, and what must get through does",
  async (harness) => {
    const { client, proxy } = await harness.trio({
      behaviour: { body },
      routes: [
        { name: "batch", match: { path: "/batch" }, shed: "early", upstream: "app" },
        { name: "health", match: { path: "/health" }, shed: "never", upstream: "app" },
        { name: "web", upstream: "app" },
      ],
      config: { overload: { maxEventLoopLag: "20ms" } },
    });
    const batch = { path: "/batch" };
    await eventually(async () => (await client.ask(batch)).status === 200, "an idle proxy takes everything");
    // Proxy and test share a thread: its event loop is as late as we make it.
    let refused: ReceivedAnswer | null = null;
    await eventually(async () => {
      for (const endMs = performance.now() + 150; performance.now() < endMs; );
      await new Promise<void>((resolve) => setTimeout(resolve, 1));
      const answer = await client.ask(batch);
      if (answer.status === 503) refused = answer;
      assert.equal((await client.ask({ path: "/health" })).status, 200);
      return refused !== null;
    }, "a request is refused");
    const answer = refused as unknown as ReceivedAnswer;
    assert.deepEqual([answer.value("retry-after"), answer.reason], ["1", "OVERLOADED"]);
    assert.ok((await proxy.metrics()).sum("millrace_shed_total", { route: "batch" }) >= 1);
    await eventually(async () => (await client.ask(batch)).status === 200, "it recovers");
  },
);
