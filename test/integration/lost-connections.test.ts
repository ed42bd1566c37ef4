/** Connections to an endpoint that die under a request, or while one waits: what is sent again, and what is not. */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { answerOk, type Script } from "../support/scripted-upstream.ts";

const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

testWithHarness(
  "a reused connection that dies before any response byte is replaced, and the request asked once more",
  async (harness) => {
    const { upstream: first, client } = await harness.rawTrio();
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
  },
);

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
  testWithHarness(
    `a POST that waited for the answer before it is not lost with the connection, by a client that pipelines ${how}`,
    async (harness) => {
      const { upstream: first, client } = await harness.rawTrio({ upstream: { pool } });
      first.script = answerAndClose;
      for (let turn = 0; turn < 10; turn++) {
        client.send(get("/a") + post("/b") + post("/c"));
        for (let at = 0; at < 3; at++) assert.equal((await client.response()).status, 200);
      }
    },
  );

  testWithHarness(
    `a GET into which a route writes a login, and that waited, is not lost with the connection ${how}`,
    async (harness) => {
      const { upstream: first, client } = await harness.rawTrio({
        upstream: { pool },
        routes: [
          {
            match: { path: "/login" },
            upstream: "app",
            middlewares: [{ headers: { request: { set: { authorization: "Negotiate token" } } } }],
          },
          { upstream: "app" },
        ],
      });
      first.script = answerAndClose;
      for (let turn = 0; turn < 10; turn++) {
        client.send(get("/a") + get("/login"));
        for (let at = 0; at < 2; at++) assert.equal((await client.response()).status, 200);
      }
    },
  );

  testWithHarness(
    `a POST that waited for the answer before it is not lost with the connection, in the queue of an upstream ${how}`,
    async (harness) => {
      const { upstream: first } = await harness.rawTrio({
        upstream: { pool, limits: { maxRequestsPerEndpoint: 1 } },
      });
      first.script = answerAndClose;
      const clients = await harness.raws(8);
      for (let turn = 0; turn < 4; turn++) {
        for (const [at, each] of clients.entries()) each.send(post(`/${at}`));
        for (const each of clients) assert.equal((await each.response()).status, 200);
      }
    },
  );

  testWithHarness(
    `a POST that arrives while the thread is held up is not lost with the connection ${how}`,
    async (harness) => {
      const { upstream: first, client } = await harness.rawTrio({ upstream: { pool } });
      const other = await harness.raw();
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
    },
  );
}

testWithHarness(
  "a reused connection that dies under a POST with a body gives 502, not a second POST",
  async (harness) => {
    const { upstream: first, client } = await harness.rawTrio();
    client.send(get("/1"));
    await client.response();
    first.script = { onRequest: (connection) => connection.reset() };
    client.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert.equal((await client.response()).status, 502);
    assert.deepEqual(
      first.requests.map(({ target }) => target),
      ["/1", "/2"],
    );
  },
);

testWithHarness(
  "a reused connection that dies under a POST without a body gives 502, not a second POST",
  async (harness) => {
    const { upstream: first, client } = await harness.rawTrio();
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
  },
);

testWithHarness("a connection that dies after a response byte is not replaced", async (harness) => {
  const { upstream: first, client } = await harness.rawTrio();
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
});
