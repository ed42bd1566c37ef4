/**
 * When this process can open no more sockets, that is not the endpoints' fault: none is ejected for it, and the client
 * is told to come back.
 */
import assert from "node:assert/strict";
import { interceptConnections, refuse } from "../support/dialled-sockets.ts";
import { testOverProtocols } from "../support/harness.ts";

for (const [code, expected] of Object.entries({
  EMFILE: "OVERLOADED",
  ENOBUFS: "OVERLOADED",
  EAGAIN: "OVERLOADED",
  EADDRNOTAVAIL: "NO_LOCAL_ADDRESS",
  EADDRINUSE: "NO_LOCAL_ADDRESS",
})) {
  testOverProtocols(
    `a connection that fails with ${code} is a 503 of ours, without a retry and without a strike`,
    async (harness, t) => {
      const { url } = await harness.endpoint();
      const proxy = await harness.proxy({
        endpoints: [url, url.replace("127.0.0.1", "localhost")],
        upstream: {
          outlier: { consecutiveErrors: 1 },
          breaker: { minRequests: 2, errorPercent: 10 },
          retry: { attempts: 2 },
        },
      });
      const restore = interceptConnections(t, (socket) => refuse(socket, code));
      for (let count = 0; count < 4; count++) {
        const answer = await harness.ask();
        assert.equal(answer.status, 503);
        assert.equal(answer.value("retry-after"), "1");
      }
      restore();

      const metrics = await proxy.metrics();
      assert.equal(metrics.sum("millrace_retries_total"), 0);
      assert.equal(metrics.sum("millrace_ejections_total"), 0);
      assert.equal((await harness.ask()).text, "ok");
      const [lines] = await harness.end();
      assert.deepEqual(
        lines!.map(({ status, reason, detail }) => [status, reason, detail]),
        [...Array.from({ length: 4 }, () => [503, expected, code]), [200, null, undefined]],
      );
    },
  );
}

testOverProtocols(
  "EAGAIN on a Unix socket is the endpoint's, whose backlog is full: the next one is asked",
  async (harness, t) => {
    const endpoint = await harness.endpoint();
    await harness.proxy({
      endpoints: ["unix:/nowhere/full.sock", endpoint.url],
    });
    interceptConnections(t, (socket, target) => "path" in target && refuse(socket, "EAGAIN"));
    for (let count = 0; count < 4; count++) assert.equal((await harness.ask()).text, "ok");
    const [lines] = await harness.end();
    assert.ok(
      lines!.some(({ attempts }) => attempts === 2),
      "some were refused by the full one first",
    );
  },
);
