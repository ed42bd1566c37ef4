/**
 * A client that sends and resets before its connection is accepted leaves bytes behind and no address. Nothing may go
 * by the address of such a client, so nothing of it is read: no request of its reaches a route, an endpoint or a change
 * at the admin listener.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Endpoint } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const count = 20;

/** Loaded first, connections are read as by a Node.js that cannot read into memory that is given to it. */
const plainReads = `
import { Server } from "node:net";
const emit = Server.prototype.emit;
Server.prototype.emit = function (name, ...rest) {
  if (name === "listening") {
    const onConnection = this._handle.onconnection;
    Object.defineProperty(this._handle, "onconnection", { get: () => onConnection, set: () => {} });
  }
  return emit.call(this, name, ...rest);
};
`;

async function start(
  harness: Harness,
  threads: number,
  isPlain: boolean,
): Promise<{ endpoint: Endpoint; proxy: ProxyProcess }> {
  const endpoint = await harness.endpoint();
  const file = join(await harness.folder(), "plain-reads.mjs");
  writeFileSync(file, plainReads);
  const proxy = await harness.process(
    {
      threads,
      endpoints: [endpoint.url],
      routes: [
        { match: { clientIp: ["127.0.0.0/8"], path: "/denied" }, respond: { status: 403 } },
        { middlewares: [{ rateLimit: { rate: "1/h", burst: 1 } }], upstream: "app" },
      ],
    },
    isPlain ? { env: { NODE_OPTIONS: `--import=${file}` } } : {},
  );
  return { endpoint, proxy };
}

function hasStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    / T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1")),
  );
}

/**
 * Sends `head` on each of `count` connections, all of which are reset before the process, which stands still meanwhile,
 * can accept them.
 */
async function sendAndReset({ process }: ProxyProcess, port: number, head: string): Promise<void> {
  process.signal("SIGSTOP");
  await eventually(() => hasStopped(process.child.pid!), "every thread stands still");
  const sockets: Socket[] = [];
  for (let at = 0; at < count; at++) {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    await new Promise((resolve) => socket.write(head, resolve));
    sockets.push(socket);
  }
  await Promise.all(sockets.map((socket) => once(socket.resetAndDestroy(), "close")));
  process.signal("SIGCONT");
}

for (const [title, threads] of modes) {
  for (const isPlain of [false, true]) {
    testOverProtocols(
      `a client without an address is not served, ${title}${isPlain ? ", read by Node's own sockets" : ""}`,
      async (harness) => {
        const { endpoint, proxy } = await start(harness, threads, isPlain);
        for (const path of ["/denied", "/other"])
          await sendAndReset(
            proxy,
            proxy.port,
            `POST ${path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 2\r\n\r\nhi`,
          );
        await eventually(
          async () =>
            (await proxy.metrics()).sum("millrace_connections_refused_total", { reason: "reset" }) === 2 * count,
          "all of them are counted",
        );
        const metrics = await proxy.metrics();
        assert.equal(metrics.sum("millrace_connections_accepted_total"), 0);
        assert.equal(metrics.sum("millrace_connections"), 0);
        assert.equal(metrics.sum("millrace_requests_total"), 0);
        assert.equal(endpoint.requests.length, 0);
        // Those that can be known are served as ever.
        const served: number[] = [];
        for (const path of ["/denied", "/", "/"]) served.push((await harness.ask({ path })).status);
        assert.deepEqual(served, [403, 200, 429]);
        const [lines] = await harness.end();
        assert.equal(lines!.length, served.length, "there is no line for a request that nobody read");
      },
    );
  }
}

testOverProtocols("the admin listener takes no change from a client without an address", async (harness) => {
  const { endpoint, proxy } = await start(harness, 0, false);
  const drain = JSON.stringify({ draining: true });
  await sendAndReset(
    proxy,
    Number(new URL(proxy.admin).port),
    `POST /api/v1/upstreams/app/endpoints/${encodeURIComponent(endpoint.url)}/drain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${drain.length}\r\n\r\n${drain}`,
  );
  assert.equal((await proxy.metrics()).sum("millrace_endpoint_draining"), 0);
  assert.equal((await harness.ask()).status, 200);
});
