/** Reuse of upstream connections, what is tried again when one dies, and who is asked instead. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { ProxyUnderTest, type ProxyOptions } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import { answerOk, type Script, ScriptedUpstream } from "../support/scripted-upstream.ts";

async function withParts(
  count: number,
  options: (upstreams: readonly ScriptedUpstream[]) => ProxyOptions,
  run: (parts: {
    upstreams: readonly ScriptedUpstream[];
    first: ScriptedUpstream;
    proxy: ProxyUnderTest;
    client: RawClient;
  }) => Promise<void>,
): Promise<void> {
  const upstreams = await Promise.all(Array.from({ length: count }, () => ScriptedUpstream.start(answerOk)));
  const proxy = await ProxyUnderTest.start(options(upstreams));
  const client = await RawClient.connect(proxy.port);
  const [first] = upstreams;
  assert.ok(first);
  try {
    await run({ upstreams, first, proxy, client });
  } finally {
    client.destroy();
    for (const upstream of upstreams) await upstream.close();
    await proxy.untilEmpty();
    await proxy.close();
  }
}

const one = (upstreams: readonly ScriptedUpstream[]): ProxyOptions => ({ endpoints: upstreams.map(({ url }) => url) });
const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

test("requests one after the other share one upstream connection", () =>
  withParts(1, one, async ({ first, client }) => {
    for (let at = 0; at < 10; at++) {
      client.send(get());
      assert.equal((await client.response()).status, 200);
    }
    assert.equal(first.connections.length, 1);
  }));

test("a connection that the endpoint keeps for less than a second is not used again", () =>
  withParts(1, one, async ({ first, client }) => {
    first.script = {
      onRequest: (connection) =>
        connection.send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n"),
    };
    for (let at = 0; at < 3; at++) {
      client.send(get());
      assert.equal((await client.response()).status, 200);
    }
    assert.equal(first.connections.length, 3);
  }));

const withheld: readonly (readonly [method: string, head: string])[] = [
  ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 38"],
  ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"],
  ["HEAD", "HTTP/1.1 200 OK\r\nX: y"],
  ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 38"],
  ["GET", "HTTP/1.1 204 No Content\r\nContent-Length: 38"],
];
/** Content that an answer has announced and should not have, made to be taken for an answer. */
const poison = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const delays: Readonly<Record<string, (send: () => void) => void>> = {
  "in the same write": (send) => send(),
  "in the next write": (send) => void setImmediate(send),
  "a few turns later": (send) => void loopTurns(4).then(send),
};
for (const [method, head] of withheld) {
  for (const [when, delay] of Object.entries(delays)) {
    test(`content that an endpoint sends ${when}, behind ${head.slice(9, 12)} to ${method} with ${head.split("\r\n")[1]}, is no answer to the next request`, () =>
      withParts(1, one, async ({ first, client, proxy }) => {
        first.script = {
          onRequest: (connection, request) => {
            if (request.target !== "/evil") answerOk.onRequest?.(connection, request);
            else if (when === "in the same write") connection.send(`${head}\r\n\r\n${poison}`);
            else {
              connection.send(`${head}\r\n\r\n`);
              delay(() => connection.send(poison));
            }
          },
        };
        const other = await RawClient.connect(proxy.port);
        for (const next of [client, other]) {
          client.send(`${method} /evil HTTP/1.1\r\nHost: a\r\n\r\n`);
          await client.response(method);
          next.send(get("/next"));
          assert.equal((await next.response()).body.toString(), "ok");
        }
        for (const { requests } of first.connections)
          assert.ok(
            requests.every(({ target }, at) => target !== "/evil" || at === requests.length - 1),
            "nothing follows it",
          );
        await other.close();
      }));
  }
}

test("with pipelining, no request of another client stays behind an answer that withholds its content", () =>
  withParts(1, pipelined, async ({ first, proxy }) => {
    first.script = answerOk;
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(proxy.port)));
    clients[0]!.send(get("/warm"));
    await clients[0]!.response();
    first.script = {};
    for (const [at, each] of clients.entries()) each.send(get(`/${at}`));
    await first.until(() => first.requests.length === 5, "all were asked");
    first.script = {
      onRequest: (connection, { target }) =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`),
    };
    const [shared] = first.connections;
    shared!.send(`HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\n${poison}`);
    assert.equal((await clients[0]!.response()).status, 304);
    for (const [at, each] of clients.entries())
      if (at > 0) assert.equal((await each.response()).body.toString(), `/${at}`);
    for (const each of clients) await each.close();
  }));

test("HEAD keeps its connection: GET, HEAD, GET, HEAD by one client and by many use one", () =>
  withParts(1, one, async ({ first, client, proxy }) => {
    for (let turn = 0; turn < 3; turn++) {
      for (const method of ["GET", "HEAD", "HEAD"]) {
        client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal((await client.response(method)).status, 200);
        const other = await RawClient.connect(proxy.port);
        other.send(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        assert.equal((await other.response(method)).status, 200);
        await other.close();
      }
    }
    assert.equal(first.connections.length, 1);
  }));

test("an endpoint that has once sent content behind HEAD gets a new connection after each", () =>
  withParts(1, one, async ({ first, client, proxy }) => {
    first.script = {
      onRequest: (connection, { method, target }) => {
        connection.send(
          `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${method === "HEAD" && target === "/clean" ? "" : "ok"}`,
        );
      },
    };
    client.send("HEAD /careless HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.response("HEAD");
    client.send("HEAD /clean HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.response("HEAD");
    await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "neither is kept");
  }));

test("a connection to which not all of a request could be written is not used again, although the answer came", () =>
  withParts(1, one, async ({ first, client }) => {
    first.script = {};
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 50005\r\n\r\nhello");
    await first.until(
      () => first.connections.some(({ received }) => received.toString("latin1").endsWith("hello")),
      "the request arrived",
    );
    // All of it is there when the proxy looks again, and it meets the client's bytes first: its write fails.
    client.send(`${"x".repeat(50_000)}POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok`);
    const { socket } = first.connections[0]!;
    socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    socket.resetAndDestroy();
    first.script = answerOk;
    assert.equal((await client.response()).status, 413);
    assert.equal((await client.response()).status, 200);
  }));

test("a reused connection that dies before any response byte is replaced, and the request asked once more", () =>
  withParts(1, one, async ({ first, client }) => {
    client.send(get("/1"));
    await client.response();
    let isFirst = true;
    first.script = {
      onRequest: (connection, request) => {
        if (isFirst) {
          isFirst = false;
          connection.reset();
        } else answerOk.onRequest?.(connection, request);
      },
    };
    client.send(get("/2"));
    assert.equal((await client.response()).status, 200);
    assert.deepEqual(
      first.requests.map(({ target }) => target),
      ["/1", "/2", "/2"],
    );
  }));

const post = (target: string): string => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`;
/** Answers, and closes without a word about it: the FIN comes right behind the answer. */
const answerAndClose: Script = {
  onRequest: (connection) => {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    connection.end();
  },
};

for (const pool of [{}, { pipelining: 8 }]) {
  const how = JSON.stringify(pool);
  test(`a POST that waited for the answer before it is not lost with the connection, by a client that pipelines ${how}`, () =>
    withParts(
      1,
      (upstreams) => ({ ...one(upstreams), upstream: { pool } }),
      async ({ first, client }) => {
        first.script = answerAndClose;
        for (let turn = 0; turn < 10; turn++) {
          client.send(get("/a") + post("/b") + post("/c"));
          for (let at = 0; at < 3; at++) assert.equal((await client.response()).status, 200);
        }
        assert.deepEqual(first.violations, []);
      },
    ));

  test(`a GET into which a route writes a login, and that waited, is not lost with the connection ${how}`, () =>
    withParts(
      1,
      (upstreams) => ({
        ...one(upstreams),
        upstream: { pool },
        routes: [
          {
            match: { path: "/login" },
            upstream: "app",
            middlewares: [{ headers: { request: { set: { authorization: "Negotiate token" } } } }],
          },
          { upstream: "app" },
        ],
      }),
      async ({ first, client }) => {
        first.script = answerAndClose;
        for (let turn = 0; turn < 10; turn++) {
          client.send(get("/a") + get("/login"));
          for (let at = 0; at < 2; at++) assert.equal((await client.response()).status, 200);
        }
      },
    ));

  test(`a POST that waited for the answer before it is not lost with the connection, in the queue of an upstream ${how}`, () =>
    withParts(
      1,
      (upstreams) => ({ ...one(upstreams), upstream: { pool, limits: { maxRequestsPerEndpoint: 1 } } }),
      async ({ first, proxy }) => {
        first.script = answerAndClose;
        const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(proxy.port)));
        for (let turn = 0; turn < 4; turn++) {
          for (const [at, each] of clients.entries()) each.send(post(`/${at}`));
          for (const each of clients) assert.equal((await each.response()).status, 200);
        }
        for (const each of clients) await each.close();
      },
    ));

  test(`a POST that arrives while the thread is held up is not lost with the connection ${how}`, () =>
    withParts(
      1,
      (upstreams) => ({ ...one(upstreams), upstream: { pool } }),
      async ({ first, proxy, client }) => {
        const other = await RawClient.connect(proxy.port);
        for (let turn = 0; turn < 10; turn++) {
          first.script = {};
          client.send(get("/a"));
          const before = first.requests.length;
          await first.until(() => first.requests.length > before, "it was asked");
          // Answer, FIN and the next request are all there when the proxy looks again.
          first.script = answerAndClose;
          const asked = first.connections.at(-1)!;
          answerAndClose.onRequest!(asked, asked.requests.at(-1)!);
          other.send(post("/b"));
          for (const untilMs = performance.now() + 5; performance.now() < untilMs; );
          assert.equal((await other.response()).status, 200);
          assert.equal((await client.response()).status, 200);
        }
        await other.close();
      },
    ));
}

test("a reused connection that dies under a POST with a body gives 502, not a second POST", () =>
  withParts(1, one, async ({ first, client }) => {
    client.send(get("/1"));
    await client.response();
    first.script = { onRequest: (connection) => connection.reset() };
    client.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert.equal((await client.response()).status, 502);
    assert.deepEqual(
      first.requests.map(({ target }) => target),
      ["/1", "/2"],
    );
  }));

test("a reused connection that dies under a POST without a body gives 502, not a second POST", () =>
  withParts(1, one, async ({ first, client }) => {
    for (const fields of ["Content-Length: 0\r\n", ""]) {
      first.forget();
      first.script = answerOk;
      client.send(get("/1"));
      await client.response();
      first.script = { onRequest: (connection) => connection.reset() };
      client.send(`POST /2 HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      assert.equal((await client.response()).status, 502);
      assert.deepEqual(
        first.requests.map(({ target }) => target),
        ["/1", "/2"],
      );
    }
  }));

test("a connection that dies after a response byte is not replaced", () =>
  withParts(1, one, async ({ first, client }) => {
    client.send(get("/1"));
    await client.response();
    first.script = {
      onRequest: (connection) => {
        connection.send("H");
        connection.end();
      },
    };
    client.send(get("/2"));
    assert.equal((await client.response()).status, 502);
    assert.deepEqual(
      first.requests.map(({ target }) => target),
      ["/1", "/2"],
    );
  }));

test("an idle connection that says anything is dropped", () =>
  withParts(1, one, async ({ first, client, proxy }) => {
    client.send(get("/1"));
    await client.response();
    first.connections[0]?.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned");
    await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the connection was dropped");
    client.send(get("/2"));
    assert.equal((await client.response()).body.toString(), "ok");
    assert.equal(first.connections.length, 2);
  }));

test("an idle connection that the endpoint closes is forgotten", () =>
  withParts(1, one, async ({ first, client, proxy }) => {
    client.send(get("/1"));
    await client.response();
    first.connections[0]?.end();
    await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the connection was dropped");
    client.send(get("/2"));
    assert.equal((await client.response()).status, 200);
  }));

test("idle connections expire", () =>
  withParts(
    1,
    (upstreams) => ({ ...one(upstreams), upstream: { pool: { idleTimeout: "200ms" } } }),
    async ({ client, proxy, first }) => {
      client.send(get());
      await client.response();
      await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the idle connection expired");
      await eventually(() => first.openCount === 0, "and was closed");
    },
  ));

test("no more connections stay idle than the pool may keep", () =>
  withParts(
    1,
    (upstreams) => ({ ...one(upstreams), upstream: { pool: { maxIdle: 2 } } }),
    async ({ proxy, first }) => {
      first.script = {};
      const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(proxy.port)));
      for (const each of clients) each.send(get());
      await first.until(() => first.requests.length === 6, "all six were asked at once");
      for (const connection of first.connections) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      for (const each of clients) assert.equal((await each.response()).status, 200);
      await proxy.untilOpen(
        ({ idleUpstreamConnections, upstreamConnections }) =>
          idleUpstreamConnections === 2 && upstreamConnections === 2,
        "two are kept",
      );
      for (const each of clients) await each.close();
    },
  ));

/** A loopback port where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("an endpoint that refuses connections is passed over, for every method", async () => {
  const port = await deadPort();
  await withParts(
    1,
    (upstreams) => ({ endpoints: [`http://127.0.0.1:${port}`, ...upstreams.map(({ url }) => url)] }),
    async ({ client, first }) => {
      for (let at = 0; at < 6; at++) {
        client.send(at % 2 === 0 ? get(`/${at}`) : `POST /${at} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`);
        assert.equal((await client.response()).status, 200);
      }
      assert.deepEqual(
        first.requests.map(({ target, body }) => `${target} ${body.toString()}`),
        ["/0 ", "/1 hello", "/2 ", "/3 hello", "/4 ", "/5 hello"],
      );
    },
  );
});

test("an upstream of which no endpoint accepts connections gives 502 and says why", async () => {
  const port = await deadPort();
  await withParts(
    1,
    () => ({ endpoints: [`http://127.0.0.1:${port}`] }),
    async ({ client }) => {
      client.send(get());
      const response = await client.response();
      assert.equal(response.status, 502);
      assert.match(response.body.toString(), /UPSTREAM_CONNECT_FAILED/);
    },
  );
});

test("a fresh connection that dies is tried at another endpoint for a safe method, and not for POST", () =>
  withParts(2, one, async ({ upstreams, client }) => {
    for (const upstream of upstreams) upstream.script = answerOk;
    const [sick] = upstreams;
    assert.ok(sick);
    sick.script = { onRequest: (connection) => connection.reset() };
    for (let at = 0; at < 4; at++) {
      client.send(get());
      assert.equal((await client.response()).status, 200);
    }
    const statuses = new Set<number>();
    for (let at = 0; at < 4; at++) {
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
      statuses.add((await client.response()).status);
    }
    assert.deepEqual([...statuses].sort(), [200, 502]);
  }));

test("a Unix socket serves as an endpoint", async () => {
  const { mkdtemp, rm } = await import("node:fs/promises");
  const { tmpdir } = await import("node:os");
  const { createServer: createHttpServer } = await import("node:http");
  const folder = await mkdtemp(`${tmpdir()}/millrace-unix-`);
  const path = `${folder}/origin.sock`;
  const server = createHttpServer((request, response) =>
    response.end(`unix ${request.url ?? ""} ${request.headers.host ?? ""}`),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await withParts(
      1,
      () => ({ endpoints: [`unix:${path}`] }),
      async ({ client }) => {
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        assert.equal((await client.response()).body.toString(), "unix /x a");
        server.closeAllConnections();
      },
    );
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await rm(folder, { recursive: true });
  }
});

test("an endpoint may be given by name", () =>
  withParts(
    1,
    (upstreams) => ({ endpoints: upstreams.map(({ port }) => `http://localhost:${port}`) }),
    async ({ client, first }) => {
      for (let at = 0; at < 3; at++) {
        client.send(get(`/${at}`));
        assert.equal((await client.response()).status, 200);
      }
      assert.equal(first.connections.length, 1);
    },
  ));

test("a client that goes away while an endpoint's name is being resolved leaves nothing behind", () =>
  withParts(
    1,
    (upstreams) => ({ endpoints: upstreams.map(({ port }) => `http://localhost:${port}`) }),
    async ({ proxy }) => {
      const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(proxy.port)));
      for (const each of clients) each.send(get());
      for (const [at, each] of clients.entries()) {
        if (at % 3 === 0) await loopTurns(1);
        each.reset();
      }
      await proxy.untilOpen(
        ({ connections, exchanges }) => connections <= 1 && exchanges === 0,
        "all exchanges are over",
      );
    },
  ));

test("a name that does not exist gives 502 and says why", () =>
  withParts(
    1,
    () => ({ endpoints: ["http://does-not-exist.invalid:80"] }),
    async ({ client }) => {
      client.send(get());
      const response = await client.response();
      assert.equal(response.status, 502);
      assert.match(response.body.toString(), /UPSTREAM_DNS_FAILED/);
    },
  ));

const pipelined = (upstreams: readonly ScriptedUpstream[]): ProxyOptions => ({
  ...one(upstreams),
  upstream: { pool: { pipelining: 8 } },
});

test("with pipelining, requests of several clients share a connection, and each gets its own answer", () =>
  withParts(1, pipelined, async ({ first, proxy }) => {
    first.script = {
      onRequest: (connection, { target }) =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`),
    };
    const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.connect(proxy.port)));
    for (let round = 0; round < 5; round++) {
      for (const [at, each] of clients.entries()) each.send(get(`/${round}-${at}`));
      for (const [at, each] of clients.entries())
        assert.equal((await each.response()).body.toString(), `/${round}-${at}`);
    }
    assert.ok(first.connections.length < 24, `${first.connections.length} connections for 24 clients`);
    for (const each of clients) await each.close();
  }));

test("with pipelining, a connection that dies in the middle loses no safe request and mixes no answers", () =>
  withParts(1, pipelined, async ({ first, proxy }) => {
    let served = 0;
    first.script = {
      onRequest: (connection, { target }) => {
        served++;
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
        if (served % 7 === 0) connection.end();
      },
    };
    const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(proxy.port)));
    for (let round = 0; round < 6; round++) {
      for (const [at, each] of clients.entries()) each.send(get(`/${round}-${at}`));
      for (const [at, each] of clients.entries()) {
        const response = await each.response();
        assert.equal(`${response.status} ${response.body.toString()}`, `200 /${round}-${at}`);
      }
    }
    for (const each of clients) await each.close();
    assert.deepEqual(first.violations, []);
  }));

test("with pipelining, a POST never shares a connection", () =>
  withParts(1, pipelined, async ({ first, proxy }) => {
    first.script = {};
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(proxy.port)));
    for (const [at, each] of clients.entries())
      each.send(at % 2 === 0 ? get(`/${at}`) : `POST /${at} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`);
    await first.until(() => first.requests.length === 4, "all four were asked");
    for (const connection of first.connections)
      if (connection.requests.some(({ method }) => method === "POST")) assert.equal(connection.requests.length, 1);
    for (const connection of first.connections)
      for (const request of connection.requests)
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`);
    for (const [at, each] of clients.entries()) assert.equal((await each.response()).body.toString(), `/${at}`);
    for (const each of clients) await each.close();
  }));

test("with pipelining, a client that goes away takes no other client's answer with it", () =>
  withParts(1, pipelined, async ({ first, proxy }) => {
    first.script = {};
    const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(proxy.port)));
    for (const [at, each] of clients.entries()) each.send(get(`/${at}`));
    await first.until(() => first.requests.length === 6, "all six were asked");
    first.script = {
      onRequest: (connection, { target }) =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`),
    };
    const asked = first.connections.map((connection) => ({
      connection,
      targets: connection.requests.map(({ target }) => target),
    }));
    const [gone, ...rest] = clients;
    gone?.reset();
    await proxy.untilOpen(({ exchanges }) => exchanges === 5, "the exchange of the client that went is over");
    for (const { connection, targets } of asked)
      for (const target of targets)
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
    for (const [at, each] of rest.entries()) assert.equal((await each.response()).body.toString(), `/${at + 1}`);
    for (const each of rest) await each.close();
  }));

test("with pipelining, an endless answer that nobody waits for any more does not hold up those behind it", async () => {
  for (const framing of ["Content-Length: 900000000", "Transfer-Encoding: chunked", "X: close-delimited"]) {
    await withParts(1, pipelined, async ({ first, proxy, client }) => {
      client.send(get("/warm"));
      await client.response();
      first.script = {};
      const gone = await RawClient.connect(proxy.port);
      const behind = await Promise.all(Array.from({ length: 3 }, () => RawClient.connect(proxy.port)));
      gone.send(get("/endless"));
      await first.until(() => first.requests.length === 2, "the first was asked");
      const [shared] = first.connections;
      assert.ok(shared);
      for (const [at, each] of behind.entries()) each.send(get(`/${at}`));
      await first.until(() => shared.requests.length === 5, "all share a connection");
      gone.reset();
      await proxy.untilOpen(({ exchanges }) => exchanges === 3, "the exchange of the client that went is over");
      // Those behind are asked for again elsewhere as soon as the answer turns out too long to be skipped.
      first.script = answerOk;
      const block = Buffer.alloc(65_536);
      const part = Buffer.concat([Buffer.from("10000\r\n"), block, Buffer.from("\r\n")]);
      const go = (): void => {
        while (shared.socket.writable && !shared.socket.writableNeedDrain)
          shared.send(framing.startsWith("T") ? part : block);
      };
      shared.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
      shared.socket.on("drain", go);
      go();
      for (const each of behind) assert.equal((await each.response()).body.toString(), "ok");
      for (const each of behind) await each.close();
    });
  }
});
