import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createPlainServer, type Server as PlainServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { TestAuthority } from "../net/testing/test-authority.ts";
import { createRemoteHttp, RemoteError, type RemoteHttp, type RemoteHttpOptions } from "./http-client.ts";
import type { RemoteTls } from "./remote-tls.ts";

type Handler = (request: IncomingMessage, answer: ServerResponse) => void;

async function listen(context: TestContext, server: Server | PlainServer, at: string | number = 0): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (typeof at === "string") server.listen(at, resolve);
  else server.listen(at, "127.0.0.1", resolve);
  await promise;
  context.after(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  });
  return typeof at === "string" ? "localhost" : `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(context: TestContext, handler: Handler): Promise<string> {
  return `http://${await listen(context, createServer(handler))}`;
}

function client(context: TestContext, options: Partial<RemoteHttpOptions> = {}): RemoteHttp {
  // The test waits for nothing else: the process must stay.
  const http = createRemoteHttp({ tls: null, keepsProcess: true, ...options });
  context.after(() => http.close());
  return http;
}

async function failureOf(promise: Promise<unknown>): Promise<RemoteError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RemoteError, String(error));
  return error;
}

test("an answer of any status comes whole, over a connection that is kept", async (context) => {
  const sockets = new Set<unknown>();
  const url = await serve(context, (request, answer) => {
    sockets.add(request.socket);
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      answer.writeHead(request.url === "/gone" ? 410 : 200, { etag: '"1"' });
      answer.end(`${request.method} ${text} ${request.headers["x-token"]} ${request.headers.authorization}`);
    });
  });
  const http = client(context);
  const answer = await http.send({ method: "POST", url, headers: { "x-token": "t" }, body: "question" });
  assert.deepEqual([answer.status, answer.headers.etag, answer.body], [200, '"1"', "POST question t undefined"]);
  assert.equal((await http.send({ method: "GET", url: `${url}/gone` })).status, 410);
  assert.equal(sockets.size, 1);
  const withUser = url.replace("http://", "http://user:pass@");
  assert.match((await http.send({ method: "GET", url: withUser })).body, /Basic dXNlcjpwYXNz$/);
});

test("an answer that is too large, compressed, cut off or no HTTP is a failure, whose message holds no secrets", async (context) => {
  const url = await serve(context, (request, answer) => {
    if (request.url?.startsWith("/large") === true) answer.end("x".repeat(2_000));
    else if (request.url?.startsWith("/zipped") === true)
      answer.writeHead(200, { "content-encoding": "gzip" }).end("x");
    else {
      answer.writeHead(200, { "content-length": "100" });
      answer.write("half");
      setImmediate(() => request.socket.destroy());
    }
  });
  const liar = createPlainServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("SSH-2.0-secret\r\n");
  });
  const liarUrl = `http://${await listen(context, liar)}`;
  const http = client(context, { maxBodyBytes: 1_000 });
  for (const [asked, kind] of [
    [`${url}/large`, "malformed"],
    [`${url}/zipped`, "malformed"],
    [`${url}/cut`, "malformed"],
    [liarUrl, "malformed"],
    ["http://127.0.0.1:1", "network"],
    ["http://%zz", "network"],
    ["ftp://x", "network"],
  ] as const) {
    const secretUrl = `${asked.replace("//", "//user:secret@")}/secret?secret=1`;
    const headers = { "x-token": "secret" };
    const error = await failureOf(http.send({ method: "GET", url: secretUrl, headers }));
    assert.equal(error.kind, kind, `${asked}: ${error.message}`);
    assert.doesNotMatch(error.message, /secret/);
  }
  const error = await failureOf(http.send({ method: "GET", url, headers: { "x-token": "secret\n" } }));
  assert.doesNotMatch(error.message, /secret/);
});

test("a service that does not answer, or drips, is given up after the time for the whole", async (context) => {
  const scheduler = new ManualScheduler();
  const url = await serve(context, (_request, answer) => {
    answer.write("drip");
    scheduler.advance(600);
    answer.write("drip");
    scheduler.advance(600);
  });
  const error = await failureOf(client(context, { scheduler, timeoutMs: 1_000 }).send({ method: "GET", url }));
  assert.equal(error.kind, "timeout");
  assert.equal(scheduler.pendingCount, 0);
});

test("a kept connection that the service has closed is not the question's failure", async (context) => {
  let connections = 0;
  let questions = 0;
  const server = createPlainServer((socket) => {
    const isFirst = ++connections === 1;
    let isUsed = false;
    socket.on("error", () => undefined);
    socket.on("data", () => {
      questions++;
      // The first connection is closed by the second question on it, as if both had crossed.
      if (isFirst && isUsed) return void socket.resetAndDestroy();
      isUsed = true;
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    context.after(() => socket.destroy());
  });
  const url = `http://${await listen(context, server)}`;
  const http = client(context);
  assert.equal((await http.send({ method: "GET", url })).body, "ok");
  assert.equal((await http.send({ method: "GET", url })).body, "ok");
  assert.deepEqual([connections, questions], [2, 3]);
});

test("a question that may have had an effect is not sent twice", async (context) => {
  let questions = 0;
  const server = createPlainServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => {
      if (++questions === 2) return void socket.resetAndDestroy();
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    context.after(() => socket.destroy());
  });
  const url = `http://${await listen(context, server)}`;
  const http = client(context);
  await http.send({ method: "POST", url, body: "a" });
  assert.equal((await failureOf(http.send({ method: "POST", url, body: "b" }))).kind, "network");
  assert.equal(questions, 2);
});

/** What came of a stream. */
interface Heard {
  readonly events: string[];
  readonly ended: Promise<RemoteError | null>;
}

function listenTo(http: RemoteHttp, url: string, idleMs = 10_000): Heard & { readonly close: () => void } {
  const events: string[] = [];
  const { promise, resolve } = Promise.withResolvers<RemoteError | null>();
  const stream = http.stream(
    { method: "GET", url, idleMs },
    {
      onHead: (status) => void events.push(String(status)),
      onData: (chunk) => void events.push(chunk.toString()),
      onEnd: (error) => {
        events.push(error?.kind ?? "end");
        resolve(error);
      },
    },
  );
  return { events, ended: promise, close: () => stream.close() };
}

test("a long answer is given as it comes, and ends once", async (context) => {
  const url = await serve(context, (request, answer) => {
    answer.writeHead(200);
    answer.write("one");
    setImmediate(() => (request.url === "/cut" ? request.socket.destroy() : answer.end("two")));
  });
  const http = client(context);
  const whole = listenTo(http, url);
  await whole.ended;
  assert.equal(whole.events.join(" "), "200 one two end");
  const cut = listenTo(http, `${url}/cut`);
  assert.equal((await cut.ended)?.status, 200);
  assert.equal(cut.events.join(" "), "200 one malformed");
  assert.equal((await listenTo(http, "http://127.0.0.1:1").ended)?.kind, "network");
  assert.equal((await listenTo(http, "nonsense").ended)?.kind, "network");
});

test("a long answer from which nothing comes any more is given up, however long it has been going", async (context) => {
  const scheduler = new ManualScheduler();
  const url = await serve(context, (_request, answer) => {
    answer.writeHead(200);
    answer.write("one");
  });
  const events: string[] = [];
  const { promise, resolve } = Promise.withResolvers<RemoteError | null>();
  client(context, { scheduler }).stream(
    { method: "GET", url, idleMs: 1_000 },
    {
      onHead: () => undefined,
      onData: () => {
        events.push("data");
        setImmediate(() => scheduler.advance(1_000));
      },
      onEnd: resolve,
    },
  );
  scheduler.advance(900);
  assert.equal((await promise)?.kind, "timeout");
  assert.deepEqual(events, ["data"], "what came late put the end off");
  assert.equal(scheduler.pendingCount, 0);
});

test("a client that was closed opens no connection", async (context) => {
  const server = createServer((_request, answer) => void answer.end());
  const url = `http://${await listen(context, server)}`;
  let connections = 0;
  server.on("connection", () => void connections++);
  const http = client(context);
  http.close();
  assert.equal((await failureOf(http.send({ method: "GET", url }))).kind, "closed");
  assert.equal((await listenTo(http, url).ended)?.kind, "closed");
  await client(context).send({ method: "GET", url });
  assert.equal(connections, 1, "that of the other client");
});

test("closing gives up everything under way and says so, and a stream that was closed says nothing more", async (context) => {
  const arrived = Promise.withResolvers<void>();
  let questions = 0;
  const url = await serve(context, (_request, answer) => {
    answer.writeHead(200);
    answer.write("one");
    if (++questions === 3) arrived.resolve();
  });
  const scheduler = new ManualScheduler();
  const http = client(context, { scheduler });
  const question = failureOf(http.send({ method: "GET", url }));
  const stream = listenTo(http, url);
  const closed = listenTo(http, url);
  await arrived.promise;
  closed.close();
  const before = closed.events.length;
  http.close();
  assert.equal((await question).kind, "closed");
  assert.equal((await stream.ended)?.kind, "closed");
  assert.equal((await failureOf(http.send({ method: "GET", url }))).kind, "closed");
  assert.equal(closed.events.length, before);
  assert.equal(scheduler.pendingCount, 0);
});

test("a Unix socket is asked whatever the URL says", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-remote-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, "s.sock");
  await listen(
    context,
    createServer((request, answer) => void answer.end(request.headers.host)),
    socketPath,
  );
  const http = client(context, { socketPath });
  assert.equal((await http.send({ method: "GET", url: "http://docker/x" })).body, "docker");
  const away = client(context, { socketPath: join(folder, "none.sock") });
  assert.match((await failureOf(away.send({ method: "GET", url: "http://docker/x" }))).message, /none\.sock: .*ENOENT/);
});

test("TLS trusts whom it is told to, shows its certificate, and takes what was read last for a new connection", async (context) => {
  const [ours, other] = await Promise.all([TestAuthority.create("ours"), TestAuthority.create("other")]);
  const own = await ours.issue({ names: ["service.test"] });
  const shown = await other.issue({ names: ["client.test"] });
  const handler: Handler = (_request, answer) => void answer.end("ok");
  const server = createSecureServer(
    { cert: own.cert, key: own.key, ca: other.root, requestCert: true, rejectUnauthorized: true },
    handler,
  );
  const url = `https://${await listen(context, server)}`;
  const good: RemoteTls = { ca: ours.root, ...shown, serverName: "service.test", verify: true };
  const ask = async (tls: RemoteTls): Promise<string> =>
    client(context, { tls })
      .send({ method: "GET", url })
      .then(
        ({ body }) => body,
        (error: unknown) => String(error),
      );
  assert.equal(await ask(good), "ok");
  assert.match(await ask({ ...good, serverName: null }), /altnames/);
  assert.match(await ask({ ...good, ca: other.root }), /certificate/);
  assert.match(await ask({ ...good, ca: null }), /certificate/);
  assert.match(await ask({ ...good, cert: null, key: null }), /RemoteError/);
  assert.equal(await ask({ ...good, serverName: null, ca: null, verify: false }), "ok");
  let now: RemoteTls = { ...good, ca: other.root };
  const http = client(context, { tls: () => now });
  assert.equal((await failureOf(http.send({ method: "GET", url }))).kind, "network");
  now = good;
  assert.equal((await http.send({ method: "GET", url })).body, "ok");
  const broken = client(context, {
    maxSockets: 1,
    tls: () => {
      throw new Error("ca.pem holds no certificate (PEM)");
    },
  });
  const failures = await Promise.all([1, 2].map(() => failureOf(broken.send({ method: "GET", url }))));
  for (const { message } of failures) assert.match(message, /ca\.pem holds no certificate/);
});
