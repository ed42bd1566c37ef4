/**
 * When this process can open no more sockets, that is not the endpoints' fault: none is ejected for it, and the client
 * is told to come back.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { DialledSocket } from "../../src/net/dialled-socket.ts";
import { MetricsPage } from "../support/metrics-page.ts";
import { ProxyUnderTest } from "../support/proxy-under-test.ts";

for (const [code, expected] of Object.entries({
  EMFILE: "OVERLOADED",
  ENOBUFS: "OVERLOADED",
  EAGAIN: "OVERLOADED",
  EADDRNOTAVAIL: "NO_LOCAL_ADDRESS",
  EADDRINUSE: "NO_LOCAL_ADDRESS",
})) {
  test(`a connection that fails with ${code} is a 503 of ours, without a retry and without a strike`, async (t) => {
    const server = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const proxy = await ProxyUnderTest.start({
      endpoints: [`http://127.0.0.1:${port}`, `http://localhost:${port}`],
      upstream: {
        outlier: { consecutiveErrors: 1 },
        breaker: { minRequests: 2, errorPercent: 10 },
        retry: { attempts: 2 },
      },
      config: { admin: { address: "127.0.0.1:0" } },
    });
    const ask = (): Promise<Response> => fetch(proxy.url, { headers: { connection: "close" } });

    const short = t.mock.method(DialledSocket.prototype, "connect", function (this: Socket): Socket {
      process.nextTick(() => this.destroy(Object.assign(new Error(`connect ${code}`), { code, syscall: "connect" })));
      return this;
    });
    for (let count = 0; count < 4; count++) {
      const answer = await ask();
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get("retry-after"), "1");
      await answer.text();
    }
    short.mock.restore();

    const metrics = await MetricsPage.of(`http://${proxy.proxy.adminAddress() ?? ""}`);
    assert.equal(metrics.sum("millrace_retries_total"), 0);
    assert.equal(metrics.sum("millrace_ejections_total"), 0);
    assert.equal(await (await ask()).text(), "ok");
    const lines = await proxy.close();
    server.close();
    assert.deepEqual(
      lines.map(({ status, reason, detail }) => [status, reason, detail]),
      [...Array.from({ length: 4 }, () => [503, expected, code]), [200, null, undefined]],
    );
  });
}

test("EAGAIN on a Unix socket is the endpoint's, whose backlog is full: the next one is asked", async (t) => {
  const server = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await ProxyUnderTest.start({
    endpoints: ["unix:/nowhere/full.sock", `http://127.0.0.1:${(server.address() as AddressInfo).port}`],
  });
  const connect = DialledSocket.prototype.connect;
  t.mock.method(DialledSocket.prototype, "connect", function (this: Socket, target: { path?: string }): Socket {
    if (target.path === undefined) return connect.call(this, target as never);
    process.nextTick(() =>
      this.destroy(Object.assign(new Error("connect EAGAIN"), { code: "EAGAIN", syscall: "connect" })),
    );
    return this;
  });
  for (let count = 0; count < 4; count++)
    assert.equal(await (await fetch(proxy.url, { headers: { connection: "close" } })).text(), "ok");
  const lines = await proxy.close();
  server.close();
  assert.ok(
    lines.some(({ attempts }) => attempts === 2),
    "some were refused by the full one first",
  );
});
