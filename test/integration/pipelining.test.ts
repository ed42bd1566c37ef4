/** Requests of several clients on one connection to an endpoint (`pool.pipelining`). */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { answerOk } from "../support/scripted-upstream.ts";

const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** What the upstream says of it. */
const pipelined = { upstream: { pool: { pipelining: 8 } } };

testWithHarness(
  "with pipelining, requests of several clients share a connection, and each gets its own answer",
  async (harness) => {
    const { upstream: first } = await harness.rawTrio(pipelined);
    first.script = {
      onRequest: (connection, { target }) =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`),
    };
    const clients = await harness.raws(24);
    for (let round = 0; round < 5; round++) {
      for (const [at, each] of clients.entries()) each.send(get(`/${round}-${at}`));
      for (const [at, each] of clients.entries())
        assert.equal((await each.response()).body.toString(), `/${round}-${at}`);
    }
    assert.ok(first.connections.length < 24, `${first.connections.length} connections for 24 clients`);
  },
);

testWithHarness(
  "with pipelining, a connection that dies in the middle loses no safe request and mixes no answers",
  async (harness) => {
    const { upstream: first } = await harness.rawTrio(pipelined);
    let served = 0;
    first.script = {
      onRequest: (connection, { target }) => {
        served++;
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
        if (served % 7 === 0) connection.end();
      },
    };
    const clients = await harness.raws(16);
    for (let round = 0; round < 6; round++) {
      for (const [at, each] of clients.entries()) each.send(get(`/${round}-${at}`));
      for (const [at, each] of clients.entries()) {
        const response = await each.response();
        assert.equal(`${response.status} ${response.body.toString()}`, `200 /${round}-${at}`);
      }
    }
  },
);

testWithHarness("with pipelining, a POST never shares a connection", async (harness) => {
  const { upstream: first } = await harness.rawTrio(pipelined);
  first.script = {};
  const clients = await harness.raws(4);
  for (const [at, each] of clients.entries())
    each.send(at % 2 === 0 ? get(`/${at}`) : `POST /${at} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`);
  await first.until(() => first.requests.length === 4, "all four were asked");
  for (const connection of first.connections)
    if (connection.requests.some(({ method }) => method === "POST")) assert.equal(connection.requests.length, 1);
  for (const connection of first.connections)
    for (const request of connection.requests)
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`);
  for (const [at, each] of clients.entries()) assert.equal((await each.response()).body.toString(), `/${at}`);
});

testWithHarness("with pipelining, a client that goes away takes no other client's answer with it", async (harness) => {
  const { upstream: first, proxy } = await harness.rawTrio(pipelined);
  first.script = {};
  const clients = await harness.raws(6);
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
});

testWithHarness(
  "with pipelining, an endless answer that nobody waits for any more does not hold up those behind it",
  async (harness) => {
    for (const framing of ["Content-Length: 900000000", "Transfer-Encoding: chunked", "X: close-delimited"]) {
      const { upstream: first, proxy, client } = await harness.rawTrio(pipelined);
      client.send(get("/warm"));
      await client.response();
      first.script = {};
      const gone = await harness.raw();
      const behind = await harness.raws(3);
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
    }
  },
);
