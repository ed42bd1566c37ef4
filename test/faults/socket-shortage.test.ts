/** When this process can open no more sockets, that is not the endpoints' fault: none is ejected for it, and the client is told to come back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { EndpointSocket } from "../../src/http1/endpoint-socket.ts";
import { MetricsPage } from "../support/metrics-page.ts";
import { ProxyUnderTest } from "../support/proxy.ts";

for (const code of ["EMFILE", "ENOBUFS"]) {
  test(`a connection that fails with ${code} is a 503 of ours, without a retry and without a strike`, async (t) => {
    const server = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const proxy = await ProxyUnderTest.start({
      endpoints: [`http://127.0.0.1:${port}`, `http://localhost:${port}`],
      upstream: { outlier: { consecutiveErrors: 1 }, retry: { attempts: 2 } },
      config: { admin: { address: "127.0.0.1:0" } },
    });
    const ask = (): Promise<Response> => fetch(proxy.url, { headers: { connection: "close" } });

    const short = t.mock.method(EndpointSocket.prototype, "connect", function (this: Socket): Socket {
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
    assert.deepEqual(lines.map(({ status, reason, detail }) => [status, reason, detail]), [...Array.from({ length: 4 }, () => [503, "OVERLOADED", code]), [200, null, undefined]]);
  });
}
