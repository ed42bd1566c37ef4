import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request, type RequestOptions } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { spawnSync } from "node:child_process";
import { version } from "../base/version.ts";
import type { ListenAddress } from "../net/listen-address.ts";
import { families } from "../observe/families.ts";
import { MetricReader } from "../observe/metric-reader.ts";
import type { AdminToken } from "./admin-access.ts";
import { type AdminServer, createAdminServer } from "./admin-server.ts";
import type { AdminSources, ProxyStatus, Readiness, ReloadResult } from "./admin-sources.ts";

const status: ProxyStatus = {
  state: "ready",
  configuration: { source: "millrace.yaml", appliedAt: "2026-11-30T10:00:00.000Z", store: null },
  listeners: [{ name: "web", address: "127.0.0.1:8080", scheme: "http", connections: 2, inFlight: 1 }],
  routes: [{ name: "<script>", match: "/v1/*", action: "upstream api" }],
  upstreams: [
    {
      name: "api",
      balance: "round-robin",
      discovery: null,
      endpoints: [
        {
          url: "http://127.0.0.1:8081",
          weight: 1,
          configuredWeight: 1,
          isBackup: false,
          tls: "none",
          health: "healthy",
          isDraining: false,
          isEjected: false,
          isAvailable: true,
          inFlight: 1,
        },
        {
          url: "http://127.0.0.1:8082",
          weight: 2,
          configuredWeight: 5,
          isBackup: true,
          tls: "none",
          health: "unhealthy",
          isDraining: true,
          isEjected: false,
          isAvailable: false,
          inFlight: 0,
        },
      ],
    },
  ],
  certificates: [
    { listener: "main", names: ["<a>.test"], keyType: "ec", notAfter: "2030-01-02T00:00:00.000Z", expiresInSeconds: 9 },
  ],
  threads: [{ name: "0", state: "running", restarts: 0 }],
};

interface World {
  readiness: Readiness;
  reload: (() => Promise<ReloadResult>) | null;
  statusThrows: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function setUp(context: TestContext, options: { address?: ListenAddress; tokens?: AdminToken[] } = {}) {
  const world: World = { readiness: { isReady: true, reasons: [] }, reload: null, statusThrows: false };
  const reader = new MetricReader();
  reader.addCollector((add) => add(families.endpointUp, ["api", "http://127.0.0.1:8081"], 1));
  const errors: unknown[] = [];
  const sources: AdminSources = {
    metrics: () => reader.read(),
    readiness: () => world.readiness,
    status: () => {
      if (world.statusThrows) throw new Error("a bug");
      return status;
    },
    endpoint: () => ({ missing: "upstream", known: [] }),
    stores: () => [],
    purge: () => Promise.resolve({ purged: 0, failures: [] }),
    get reload() {
      return world.reload;
    },
  };
  const server = await createAdminServer({
    address: options.address ?? { kind: "tcp", host: "127.0.0.1", port: 0 },
    tokens: options.tokens ?? [],
    sources,
    onError: (error) => errors.push(error),
  });
  context.after(() => server.close());
  return {
    world,
    errors,
    server,
    ask: (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
      ask(server, { method, path, headers }, body),
  };
}

function ask(server: AdminServer, options: RequestOptions, body = ""): Promise<Answer> {
  const { address } = server;
  const place =
    address.kind === "unix"
      ? { socketPath: address.path }
      : { host: "127.0.0.1", port: address.kind === "tcp" ? address.port : 0 };
  return new Promise((resolve, reject) => {
    const call = request({ ...place, ...options, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

test("metrics come in the format that is asked for", async (context) => {
  const { ask } = await setUp(context);
  const plain = await ask("GET", "/metrics");
  assert.equal(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.match(
    plain.body,
    /^# HELP millrace_endpoint_up .*\n# TYPE millrace_endpoint_up gauge\nmillrace_endpoint_up\{upstream="api",endpoint="http:\/\/127.0.0.1:8081"\} 1\n$/,
  );
  const open = await ask("GET", "/metrics?x=1", { accept: "application/openmetrics-text" });
  assert.equal(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assert.match(open.body, /\n# EOF\n$/);
});

test("probes tell life and readiness, with reasons", async (context) => {
  const { ask, world } = await setUp(context, { tokens: [{ token: "secret-token", role: "write" }] });
  assert.deepEqual([(await ask("GET", "/livez")).status, (await ask("GET", "/readyz")).status], [200, 200]);
  world.readiness = { isReady: false, reasons: ["draining", "no endpoint of api is available"] };
  const answer = await ask("GET", "/readyz");
  assert.deepEqual([answer.status, answer.body], [503, "not ready\ndraining\nno endpoint of api is available\n"]);
  assert.equal((await ask("GET", "/livez")).status, 200);
});

test("the status is JSON with version and uptime", async (context) => {
  const { ask } = await setUp(context);
  const answer = await ask("GET", "/api/v1/status");
  const { version: said, uptimeSeconds, ...rest } = JSON.parse(answer.body) as Record<string, unknown>;
  assert.equal(said, version);
  assert.ok(typeof uptimeSeconds === "number" && uptimeSeconds > 0);
  assert.deepEqual(rest, status);
});

test("the page shows what there is, escaped, without scripts and guarded by headers", async (context) => {
  const { ask } = await setUp(context);
  const { body, headers } = await ask("GET", "/");
  for (const text of [
    "127.0.0.1:8080",
    "http://127.0.0.1:8081",
    "unhealthy, draining, backup",
    "2 (configured: 5)",
    "&#60;script&#62;",
    "&#60;a&#62;.test",
    "round-robin",
  ])
    assert.ok(body.includes(text), text);
  assert.doesNotMatch(body, /<script/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.match(String(headers["content-security-policy"]), /default-src 'none'/);
  assert.equal(headers["cache-control"], "no-store");
  assert.equal(headers["access-control-allow-origin"], undefined);
});

test("HEAD answers like GET without the body", async (context) => {
  const { ask } = await setUp(context);
  const [head, get] = [await ask("HEAD", "/livez"), await ask("GET", "/livez")];
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", get.headers["content-length"]]);
});

for (const [method, path, expected, allow] of [
  ["GET", "/nothing", 404, undefined],
  ["GET", "/api/v1/nothing", 404, undefined],
  ["GET", "/metrics/", 404, undefined],
  ["GET", "/__proto__", 404, undefined],
  ["GET", "http://localhost/metrics", 404, undefined],
  ["POST", "/metrics", 405, "GET, HEAD"],
  ["OPTIONS", "/api/v1/status", 405, "GET, HEAD"],
  ["GET", "/api/v1/reload", 405, "POST"],
] as const) {
  test(`${method} ${path} is answered with ${expected}`, async (context) => {
    const { ask } = await setUp(context);
    const answer = await ask(method, path);
    assert.deepEqual([answer.status, answer.headers.allow], [expected, allow]);
    assert.doesNotMatch(answer.body, /nothing|proto/);
  });
}

test("a reload says what came of it", async (context) => {
  const { ask, world } = await setUp(context);
  assert.equal((await ask("POST", "/api/v1/reload")).status, 409);
  world.reload = async () => ({ isApplied: true, report: "1 route changed" });
  const applied = await ask("POST", "/api/v1/reload");
  assert.deepEqual([applied.status, JSON.parse(applied.body)], [200, { isApplied: true, report: "1 route changed" }]);
  world.reload = async () => ({ isApplied: false, report: "a.yaml:1:1: error" });
  const refused = await ask("POST", "/api/v1/reload");
  assert.deepEqual(
    [refused.status, JSON.parse(refused.body)],
    [422, { isApplied: false, report: "a.yaml:1:1: error" }],
  );
});

test("who may not is told so before anything is done", async (context) => {
  const { ask, world } = await setUp(context, { tokens: [{ token: "secret-token", role: "read" }] });
  let reloads = 0;
  world.reload = async () => ({ isApplied: true, report: String(++reloads) });
  const answer = await ask("POST", "/api/v1/reload");
  assert.equal(answer.status, 401);
  assert.match(answer.headers["www-authenticate"] ?? "", /^Bearer realm="millrace", Basic /);
  assert.equal((await ask("POST", "/api/v1/reload", { authorization: "Bearer secret-token" })).status, 403);
  assert.equal((await ask("GET", "/unknown")).status, 401);
  assert.equal((await ask("GET", "/api/v1/status", { authorization: "Bearer secret-token" })).status, 200);
  assert.equal((await ask("GET", "/api/v1/status", { host: "evil.example" })).status, 421);
  assert.equal(reloads, 0);
});

test("a body is read and ignored, a large one is refused", async (context) => {
  const { ask, world } = await setUp(context);
  world.reload = async () => ({ isApplied: true, report: "" });
  assert.equal((await ask("POST", "/api/v1/reload", {}, "x".repeat(60_000))).status, 200);
  const large = await ask("POST", "/api/v1/reload", { "content-length": "70000" }, "x".repeat(70_000));
  assert.deepEqual([large.status, large.headers.connection], [413, "close"]);
  assert.equal(
    (await ask("POST", "/api/v1/reload", { "transfer-encoding": "chunked" }, "x".repeat(70_000))).status,
    413,
  );
});

test("a bug behind a path is a 500 and does not end the listener", async (context) => {
  const { ask, world, errors } = await setUp(context);
  world.statusThrows = true;
  const answer = await ask("GET", "/api/v1/status");
  assert.deepEqual([answer.status, answer.body], [500, "Internal error.\n"]);
  assert.equal(errors.length, 1);
  assert.equal((await ask("GET", "/livez")).status, 200);
});

test("garbage gets an answer or a closed connection, and the listener lives on", async (context) => {
  const { ask, server } = await setUp(context);
  assert.ok(server.address.kind === "tcp");
  for (const bytes of ["\u0000\u0001\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /\r\n\r\n"]) {
    const socket = connect(server.address.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume().end(bytes);
    await new Promise((resolve) => socket.once("close", resolve));
  }
  assert.equal((await ask("GET", "/livez")).status, 200);
});

test("closing waits for answers that are being made, and for no connection that waits for a request or is in the middle of one", async (context) => {
  const sockets: Socket[] = [];
  const asked = Promise.withResolvers<void>();
  const reloading = Promise.withResolvers<ReloadResult>();
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    reloading.resolve({ isApplied: true, report: "" });
  });
  const { world, server, ask } = await setUp(context);
  world.reload = () => {
    asked.resolve();
    return reloading.promise;
  };
  // Nothing is given up: what is waited for in vain is waited for until the test fails.
  context.mock.timers.enable({ apis: ["setTimeout"] });
  assert.ok(server.address.kind === "tcp");
  const { port } = server.address;
  const waiting = await Promise.all(
    ["", "GET /livez HTTP/1.1\r\nHo", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"].map(async (text) => {
      const socket = connect(port, "127.0.0.1");
      sockets.push(socket);
      await once(socket, "connect");
      socket.write(text);
      // Its answer has come, if there is one.
      if (text.endsWith("\r\n\r\n")) await once(socket, "data");
      return { closed: once(socket.resume(), "close") };
    }),
  );
  const answer = ask("POST", "/api/v1/reload", { connection: "keep-alive" });
  await asked.promise;
  const closing = server.close();
  await Promise.all(waiting.map(({ closed }) => closed));
  reloading.resolve({ isApplied: true, report: "" });
  assert.equal((await answer).status, 200);
  await closing;
});

test("an address in use is an error", async (context) => {
  const holder = createServer().listen(0, "127.0.0.1");
  context.after(() => holder.close());
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await assert.rejects(
    createAdminServer({
      address: { kind: "tcp", host: "127.0.0.1", port },
      tokens: [],
      sources: null as unknown as AdminSources,
    }),
    { code: "EADDRINUSE" },
  );
});

function socketPath(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-admin-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "admin.sock");
}

test("a Unix socket is for its owner and group, takes any Host, and is removed at the end", {
  skip: process.platform === "win32",
}, async (context) => {
  const path = socketPath(context);
  const { ask, world, server } = await setUp(context, { address: { kind: "unix", path, mode: 0o660 } });
  assert.equal(statSync(path).mode & 0o777, 0o660);
  world.reload = async () => ({ isApplied: true, report: "" });
  assert.equal((await ask("POST", "/api/v1/reload", { host: "whatever" })).status, 200);
  await server.close();
  assert.ok(!existsSync(path));
});

test("a socket that a killed process left is taken over; one in use is not, nor is a file", {
  skip: process.platform === "win32",
}, async (context) => {
  const path = socketPath(context);
  const left = spawnSync(process.execPath, [
    "-e",
    `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`,
  ]);
  assert.equal(left.signal, "SIGKILL");
  assert.ok(existsSync(path));
  const { ask } = await setUp(context, { address: { kind: "unix", path, mode: 0o660 } });
  assert.equal((await ask("GET", "/livez")).status, 200);

  const used = `${path}2`;
  const other = createServer((socket) => socket.destroy()).listen(used);
  await new Promise((resolve) => other.once("listening", resolve));
  await assert.rejects(setUp(context, { address: { kind: "unix", path: used, mode: 0o660 } }), { code: "EADDRINUSE" });
  await new Promise((resolve) => other.close(resolve));

  const file = `${path}3`;
  writeFileSync(file, "precious");
  await assert.rejects(setUp(context, { address: { kind: "unix", path: file, mode: 0o660 } }), { code: "EEXIST" });
  assert.ok(existsSync(file));
});

test("probes are answered however many strangers hold half a head open, and connections under way are not given up for others", async (context) => {
  const { ask, server } = await setUp(context);
  const port = server.address.kind === "tcp" ? server.address.port : 0;
  const strangers: Socket[] = [];
  context.after(() => strangers.forEach((socket) => socket.destroy()));
  for (let count = 0; count < 300; count++) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    strangers.push(socket);
    await once(socket, "connect");
    socket.write("GET /livez HTTP/1.1\r\nHost: local");
  }
  assert.equal((await ask("GET", "/livez")).status, 200);
  // The youngest are still there, and may finish what they began.
  const last = strangers.at(-1)!;
  last.write("host\r\n\r\n");
  assert.match(String((await once(last, "data"))[0]), /^HTTP\/1\.1 200 /);
});
