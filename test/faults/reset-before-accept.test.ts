/**
 * A client that sends and resets before its connection is accepted leaves bytes behind and no address. Nothing may go
 * by the address of such a client, so nothing of it is read: no request of its reaches a route, an endpoint or a change
 * at the admin listener.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { MetricsPage } from "../support/metrics-page.ts";
import { MillraceProcess } from "../support/millrace-process.ts";
import { Origin } from "../support/origin.ts";
import { eventually } from "../support/signal.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-reset-"));
let received = 0;
const origin = await Origin.start((_incoming, outgoing) => {
  received++;
  outgoing.end("fine");
});
after(async () => {
  await origin.close();
  rmSync(folder, { recursive: true, force: true });
});

const count = 20;

/** Connections are read as by a Node.js that cannot read into memory that is given to it. */
const plainReads = join(folder, "plain-reads.mjs");
writeFileSync(
  plainReads,
  `
import { Server } from "node:net";
const emit = Server.prototype.emit;
Server.prototype.emit = function (name, ...rest) {
  if (name === "listening") {
    const onConnection = this._handle.onconnection;
    Object.defineProperty(this._handle, "onconnection", { get: () => onConnection, set: () => {} });
  }
  return emit.call(this, name, ...rest);
};
`,
);

async function start(
  t: TestContext,
  workers: number,
  isPlain: boolean,
): Promise<{ millrace: MillraceProcess; port: number; admin: string }> {
  const file = join(folder, `${workers}-${isPlain}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      workers,
      listeners: [{ address: "127.0.0.1:0" }],
      admin: { address: "127.0.0.1:0" },
      routes: [
        { match: { clientIp: ["127.0.0.0/8"], path: "/denied" }, respond: { status: 403 } },
        { middlewares: [{ rateLimit: { rate: "1/h", burst: 1 } }], upstream: "app" },
      ],
      upstreams: { app: { endpoints: [origin.url] } },
      log: { stats: "0s", access: { format: "json" } },
    }),
  );
  const millrace = new MillraceProcess(
    ["run", "--no-watch", file],
    isPlain ? { env: { NODE_OPTIONS: `--import=${plainReads}` } } : {},
  );
  t.after(() => millrace.stop());
  const { url, admin } = await millrace.ready();
  return { millrace, port: Number(new URL(url).port), admin: admin! };
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
async function sendAndReset(millrace: MillraceProcess, port: number, head: string): Promise<void> {
  millrace.signal("SIGSTOP");
  await eventually(() => hasStopped(millrace.child.pid!), "every thread stands still");
  const sockets: Socket[] = [];
  for (let at = 0; at < count; at++) {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    await new Promise((resolve) => socket.write(head, resolve));
    sockets.push(socket);
  }
  await Promise.all(sockets.map((socket) => once(socket.resetAndDestroy(), "close")));
  millrace.signal("SIGCONT");
}

for (const [title, workers] of [
  ["inline", 0],
  ["with two threads", 2],
] as const) {
  for (const isPlain of [false, true]) {
    test(`a client without an address is not served, ${title}${isPlain ? ", read by Node's own sockets" : ""}`, async (t) => {
      const { millrace, port, admin } = await start(t, workers, isPlain);
      received = 0;
      for (const path of ["/denied", "/other"])
        await sendAndReset(
          millrace,
          port,
          `POST ${path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 2\r\n\r\nhi`,
        );
      await eventually(
        async () =>
          (await MetricsPage.of(admin)).sum("millrace_connections_refused_total", { reason: "reset" }) === 2 * count,
        "all of them are counted",
      );
      const metrics = await MetricsPage.of(admin);
      assert.equal(metrics.sum("millrace_connections_accepted_total"), 0);
      assert.equal(metrics.sum("millrace_connections"), 0);
      assert.equal(metrics.sum("millrace_requests_total"), 0);
      assert.equal(received, 0);
      assert.equal(millrace.stdout, "", "there is no line for a request that nobody read");
      // Those that can be known are served as ever.
      assert.equal((await fetch(`http://127.0.0.1:${port}/denied`)).status, 403);
      assert.deepEqual(
        [(await fetch(`http://127.0.0.1:${port}/`)).status, (await fetch(`http://127.0.0.1:${port}/`)).status],
        [200, 429],
      );
    });
  }
}

test("the admin listener takes no change from a client without an address", async (t) => {
  const { millrace, port, admin } = await start(t, 0, false);
  const drain = JSON.stringify({ draining: true });
  await sendAndReset(
    millrace,
    Number(new URL(admin).port),
    `POST /api/v1/upstreams/app/endpoints/${encodeURIComponent(origin.url)}/drain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${drain.length}\r\n\r\n${drain}`,
  );
  assert.equal((await MetricsPage.of(admin)).sum("millrace_endpoint_draining"), 0);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});
