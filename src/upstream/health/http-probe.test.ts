/** Probes against real endpoints. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ManualScheduler, systemScheduler } from "../../base/scheduler.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { createHttpProbe, type ProbeOptions, type ProbeResult } from "./http-probe.ts";

const defaults: ProbeOptions = {
  path: "/health",
  host: null,
  tcp: null,
  timeout: 5_000,
  expect: [{ from: 200, to: 399 }],
};

interface Peer {
  readonly endpoint: EndpointSpec;
  readonly heads: string[];
  /** Settles when a connection that was accepted has closed again. */
  readonly closed: Promise<void>;
}

/** An endpoint that does `answer` with each connection once the request head is there. */
async function listen(
  context: TestContext,
  answer: (socket: Socket) => void,
  socketPath: string | null = null,
): Promise<Peer> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  const server: Server = createServer((socket) => {
    let head = "";
    sockets.add(socket);
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      heads.push(head);
      answer(socket);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      onClosed();
    });
  });
  await new Promise<void>((resolve) =>
    socketPath === null ? server.listen(0, "127.0.0.1", resolve) : server.listen(socketPath, resolve),
  );
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const endpoint =
    socketPath === null
      ? { url: `http://127.0.0.1:${port}`, host: "127.0.0.1", port, socketPath }
      : { url: `unix:${socketPath}`, host: null, port: 0, socketPath };
  return { endpoint: { ...endpoint, weight: 1, isBackup: false }, heads, closed };
}

const check = (endpoint: EndpointSpec, options: Partial<ProbeOptions> = {}): Promise<ProbeResult> =>
  new Promise((resolve) => createHttpProbe(systemScheduler)(endpoint, { ...defaults, ...options }, resolve));

test("the status decides, whatever the body, and the connection is closed", async (context) => {
  const cases: [answer: string, expect: ProbeOptions["expect"], isSuccess: boolean, reason: string][] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", defaults.expect, true, "status 200"],
    ["HTTP/1.1 204 No Content\r\n\r\n", defaults.expect, true, "status 204"],
    ["HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", defaults.expect, true, "status 301"],
    ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", defaults.expect, false, "status 404"],
    [
      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      [
        { from: 200, to: 200 },
        { from: 404, to: 404 },
      ],
      true,
      "status 404",
    ],
    ["HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", [{ from: 200, to: 200 }], false, "status 201"],
    ["HTTP/1.1 503 Down\r\nContent-Length: 99\r\n\r\ncut", defaults.expect, false, "status 503"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut", defaults.expect, true, "status 200"],
    ["HTTP/1.0 200 OK\r\n\r\nuntil the end", defaults.expect, true, "status 200"],
    [
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      defaults.expect,
      true,
      "status 200",
    ],
    [
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
      defaults.expect,
      false,
      "status 101",
    ],
  ];
  for (const [answer, expect, isSuccess, reason] of cases) {
    const peer = await listen(context, (socket) => socket.end(answer));
    const result = await check(peer.endpoint, { expect });
    assert.deepEqual([result.isSuccess, result.reason], [isSuccess, reason], answer);
    assert.ok(result.durationMs >= 0);
    await peer.closed;
  }
});

test("what is no answer is a failure with a reason", async (context) => {
  const cases: [name: string, answer: (socket: Socket) => void, reason: RegExp][] = [
    ["closed", (socket) => socket.end(), /^closed without an answer$/],
    ["reset", (socket) => socket.resetAndDestroy(), /^ECONNRESET$/],
    ["garbage", (socket) => socket.end("SSH-2.0-OpenSSH_9\r\n"), /^malformed answer: bad version in the status line$/],
    [
      "a head without end",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(10_000)}`),
      /^malformed answer: (?:head too large|too many fields)$/,
    ],
    [
      "interim answers without end",
      (socket) => socket.write("HTTP/1.1 102 Processing\r\n\r\n".repeat(10_000)),
      /^malformed answer: head too large$/,
    ],
    ["what would be a 502", (socket) => socket.end("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), /^malformed answer: /],
  ];
  for (const [name, answer, reason] of cases) {
    const peer = await listen(context, answer);
    const result = await check(peer.endpoint);
    assert.equal(result.isSuccess, false, name);
    assert.equal(result.status, null, name);
    assert.match(result.reason, reason, name);
    await peer.closed;
  }
});

test("a check reads an answer as the traffic does, in one piece or byte by byte", async (context) => {
  const cases: [answer: string, isLenient: boolean, isSuccess: boolean][] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 002\r\nContent-Length: 2\r\n\r\nok", false, true],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nok\r\n0 ;a\r\n\r\n", false, true],
    ["HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, false],
    ["HTTP/1.1 200 OK\nContent-Length: 2\n\nok", true, true],
    ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n", true, true],
    ["HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n", false, false],
    ["HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n", true, true],
    ["HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nok", true, false],
  ];
  for (const [answer, isLenient, isSuccess] of cases) {
    for (const send of [
      (socket: Socket) => void socket.write(answer),
      (socket: Socket) => [...answer].forEach((byte) => socket.write(byte)),
    ]) {
      const peer = await listen(context, (socket) => send(socket.setNoDelay(true)));
      assert.equal(
        (await check({ ...peer.endpoint, isLenient })).isSuccess,
        isSuccess,
        JSON.stringify([answer, isLenient]),
      );
      await peer.closed;
    }
  }
});

test("nobody there is a failure", async (context) => {
  const peer = await listen(context, (socket) => socket.end());
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const result = await check({ ...peer.endpoint, port });
  assert.deepEqual([result.isSuccess, result.status, result.reason], [false, null, "ECONNREFUSED"]);
});

for (const code of ["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]) {
  test(`if no socket can be had (${code}), the endpoint has neither passed nor failed`, async (context) => {
    const peer = await listen(context, (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    const short = context.mock.method(Socket.prototype, "connect", function (this: Socket): Socket {
      process.nextTick(() => this.destroy(Object.assign(new Error(`connect ${code}`), { code, syscall: "connect" })));
      return this;
    });
    const { isSuccess, status, reason } = await check(peer.endpoint);
    assert.deepEqual([isSuccess, status, reason], [null, null, code]);
    short.mock.restore();
    assert.equal((await check(peer.endpoint)).isSuccess, true);
  });
}

test("silence is a failure when the time is over, and the connection is closed", async (context) => {
  const scheduler = new ManualScheduler();
  const asked = Promise.withResolvers<void>();
  const peer = await listen(context, () => asked.resolve());
  const result = new Promise<ProbeResult>((resolve) => createHttpProbe(scheduler)(peer.endpoint, defaults, resolve));
  await asked.promise;
  scheduler.advance(4_999);
  assert.equal(scheduler.pendingCount, 1);
  scheduler.advance(1);
  assert.deepEqual(await result, {
    isSuccess: false,
    status: null,
    reason: "timeout after 5000 ms",
    durationMs: 5_000,
  });
  await peer.closed;
  assert.equal(scheduler.pendingCount, 0);
});

test("a body without end is cut off", async (context) => {
  const chunk = Buffer.alloc(65_536);
  const peer = await listen(context, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const pump = (): void => {
      while (!socket.destroyed && socket.write(chunk));
      socket.once("drain", pump);
    };
    pump();
  });
  assert.equal((await check(peer.endpoint)).isSuccess, true);
  await peer.closed;
});

test("a body that stalls is cut off when the time is over", async (context) => {
  const scheduler = new ManualScheduler();
  const peer = await listen(context, (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"));
  const result = await new Promise<ProbeResult>((resolve) =>
    createHttpProbe(scheduler)(peer.endpoint, defaults, resolve),
  );
  assert.equal(result.isSuccess, true);
  scheduler.advance(5_000);
  await peer.closed;
  assert.equal(scheduler.pendingCount, 0);
});

test("a cancelled check closes its connection and reports nothing", async (context) => {
  const scheduler = new ManualScheduler();
  const asked = Promise.withResolvers<void>();
  const peer = await listen(context, () => asked.resolve());
  const call = createHttpProbe(scheduler)(peer.endpoint, defaults, () => assert.fail("reported"));
  await asked.promise;
  call.cancel();
  await peer.closed;
  assert.equal(scheduler.pendingCount, 0);
});

test("the request is a plain GET that names the endpoint and itself, over TCP and over a Unix socket", async (context) => {
  const answer = (socket: Socket): void => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const tcp = await listen(context, answer);
  await check(tcp.endpoint, { path: "/health?deep=1" });
  await check(tcp.endpoint, { host: "api.internal" });
  const folder = mkdtempSync(join(tmpdir(), "probe-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const unix = await listen(context, answer, join(folder, "s"));
  assert.equal((await check(unix.endpoint)).isSuccess, true);
  const [first, second] = tcp.heads;
  assert.match(first!, /^GET \/health\?deep=1 HTTP\/1\.1\r\n/);
  assert.match(first!, new RegExp(`\r\nhost: 127\\.0\\.0\\.1:${tcp.endpoint.port}\r\n`, "i"));
  assert.match(first!, /\r\nuser-agent: millrace-health\r\n/i);
  assert.match(first!, /\r\nconnection: close\r\n/i);
  assert.match(second!, /\r\nhost: api\.internal\r\n/i);
  assert.match(unix.heads[0]!, /\r\nhost: localhost\r\n/i);
});

test("names are looked up by the resolver that is handed in", async (context) => {
  const peer = await listen(context, (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const asked: string[] = [];
  const probe = createHttpProbe(systemScheduler, (host, options, onDone) => {
    asked.push(host);
    process.nextTick(() =>
      options.all ? onDone(null, [{ address: "127.0.0.1", family: 4 }]) : onDone(null, "127.0.0.1", 4),
    );
  });
  const endpoint = { ...peer.endpoint, host: "api.test" };
  const result = await new Promise<ProbeResult>((resolve) => probe(endpoint, defaults, resolve));
  assert.equal(result.isSuccess, true);
  assert.deepEqual(asked, ["api.test"]);
  assert.match(peer.heads[0]!, new RegExp(`\r\nhost: api\\.test:${endpoint.port}\r\n`, "i"));
});

test("the time is over for a name that is not resolved, too, and the reason says so", async (context) => {
  const peer = await listen(context, () => {});
  for (const [answers, reason] of [
    [false, "name not resolved within 5000 ms"],
    [true, "timeout after 5000 ms"],
  ] as const) {
    const scheduler = new ManualScheduler();
    const isAsked = Promise.withResolvers<void>();
    const probe = createHttpProbe(scheduler, (_host, _options, onDone) => {
      process.nextTick(() => {
        if (answers) onDone(null, [{ address: "127.0.0.1", family: 4 }]);
        isAsked.resolve();
      });
    });
    const result = new Promise<ProbeResult>((resolve) =>
      probe({ ...peer.endpoint, host: "api.test" }, defaults, resolve),
    );
    await isAsked.promise;
    scheduler.advance(5_000);
    assert.deepEqual(await result, { isSuccess: false, status: null, reason, durationMs: 5_000 });
    assert.equal(scheduler.pendingCount, 0);
  }
});

test("of several addresses one is enough", async (context) => {
  const peer = await listen(context, (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const cases: [addresses: string[], port: number, isSuccess: boolean | null][] = [
    [["127.0.0.2", "127.0.0.1"], peer.endpoint.port, true],
    [["127.0.0.2", "127.0.0.3"], peer.endpoint.port, false],
  ];
  for (const [addresses, port, isSuccess] of cases) {
    const probe = createHttpProbe(systemScheduler, (_host, _options, onDone) =>
      process.nextTick(() =>
        onDone(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        ),
      ),
    );
    assert.equal(
      (
        await new Promise<ProbeResult>((resolve) =>
          probe({ ...peer.endpoint, host: "api.test", port }, defaults, resolve),
        )
      ).isSuccess,
      isSuccess,
      addresses.join(),
    );
  }
});

test("the interface of an address that is local to a link is not told", async (context) => {
  const peer = await listen(context, (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const probe = createHttpProbe(systemScheduler, (_host, _options, onDone) =>
    process.nextTick(() => onDone(null, [{ address: "127.0.0.1", family: 4 }])),
  );
  // A name in the place of the address, so that the test needs no such interface: only the field is looked at.
  await new Promise<ProbeResult>((resolve) =>
    probe({ ...peer.endpoint, host: "fe80::1%no-such-interface%x" }, defaults, resolve),
  );
  assert.match(peer.heads[0]!, new RegExp(`\r\nhost: \\[fe80::1\\]:${peer.endpoint.port}\r\n`, "i"));
});
