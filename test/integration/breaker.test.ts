/** An upstream that fails, and a breaker that spares it and its clients the waiting. */
import assert from "node:assert/strict";
import { testOverProtocols } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

for (const [title, threads] of modes) {
  testOverProtocols(
    `${title}: a failing upstream opens the breaker; open, it is not asked; it closes when the upstream is well`,
    async (harness) => {
      const endpoint = await harness.endpoint({ status: 500 });
      const proxy = await harness.proxy({
        threads,
        endpoints: [endpoint.url],
        upstream: { breaker: { minRequests: 10, open: "1s", ramp: "300ms" } },
      });
      for (let count = 0; count < 10; count++) assert.equal((await harness.ask()).status, 500);
      const refused = await harness.ask();
      assert.deepEqual([refused.status, refused.value("retry-after"), refused.reason], [503, "1", "BREAKER_OPEN"]);
      assert.equal(endpoint.requests.length, 10);
      assert.equal((await proxy.metrics()).sum("millrace_breaker_state", { upstream: "app" }), 1);
      endpoint.behaviour = {};
      await eventually(async () => {
        await harness.ask();
        return (await proxy.metrics()).sum("millrace_breaker_state") === 0;
      }, "the breaker closed");
      assert.equal((await harness.ask()).status, 200);
      const metrics = await proxy.metrics();
      assert.deepEqual(metrics.by("millrace_breaker_moves_total", "to"), { open: 1, "half-open": 1, closed: 1 });
      assert.ok(metrics.sum("millrace_failures_total", { reason: "BREAKER_OPEN" }) > 0);
      await eventually(
        () => proxy.messages.filter(({ message }) => message.startsWith("breaker is")).length === 3,
        "each move was logged",
      );
    },
  );
}
