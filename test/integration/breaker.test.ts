/** An upstream that fails, and a breaker that spares it and its clients the waiting. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { modes, Stage } from "../support/stage.ts";
import { eventually } from "../support/signal.ts";
import { ScriptedUpstream } from "../support/scripted-upstream.ts";

for (const [title, workers] of modes) {
  test(`${title}: a failing upstream opens the breaker; open, it is not asked; it closes when the upstream is well`, async () => {
    let status = 500;
    const upstream = await ScriptedUpstream.start({
      onRequest: (connection) => connection.send(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`),
    });
    const stage = await Stage.start({
      workers,
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [upstream.url], breaker: { minRequests: 10, open: "300ms", ramp: "300ms" } } },
    });
    const ask = async (): Promise<Response> => {
      const response = await fetch(`http://127.0.0.1:${stage.port()}/`, { headers: { connection: "close" } });
      await response.arrayBuffer();
      return response;
    };
    try {
      for (let count = 0; count < 10; count++) assert.equal((await ask()).status, 500);
      const refused = await fetch(`http://127.0.0.1:${stage.port()}/`);
      assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
      assert.match(await refused.text(), /BREAKER_OPEN/);
      assert.equal(upstream.requests.length, 10);
      assert.equal((await stage.metrics()).sum("millrace_breaker_state", { upstream: "app" }), 1);
      status = 200;
      await eventually(async () => {
        await ask();
        return (await stage.metrics()).sum("millrace_breaker_state") === 0;
      }, "the breaker closed");
      assert.equal((await ask()).status, 200);
      const metrics = await stage.metrics();
      assert.deepEqual(metrics.by("millrace_breaker_moves_total", "to"), { open: 1, "half-open": 1, closed: 1 });
      assert.ok(metrics.sum("millrace_failures_total", { reason: "BREAKER_OPEN" }) > 0);
      await eventually(
        () => stage.messages.filter(({ message }) => message.startsWith("breaker is")).length === 3,
        "each move was logged",
      );
    } finally {
      await stage.close();
      await upstream.close();
    }
  });
}
