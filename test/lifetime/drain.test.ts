/** The way out: what is under way is finished within the grace period, nothing is lost, nothing is left. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConfigInput } from "../../src/index.ts";
import { isRefused } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { echo } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { type ProxyUnderTest, modes, nothingOpen } from "../support/proxy-under-test.ts";
import { valuesOf } from "../support/wire-reader.ts";

for (const [title, threads] of modes) {
  const start = (
    harness: Harness,
    origin: Origin,
    shutdown: ConfigInput["shutdown"] = { grace: "1h" },
  ): Promise<ProxyUnderTest> =>
    harness.proxy((folder) => ({
      threads,
      config: {
        shutdown,
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        routes: [{ name: "all", upstream: "app" }],
        upstreams: { app: { endpoints: [origin.url] } },
        log: { stats: "0s", access: { path: join(folder, "access.log") } },
      },
      // As the command does it.
      idleGraceMs: 300,
    }));
  /** Closes the proxy, if that is not done; it has ended then, without a complaint. */
  const finish = async (proxy: ProxyUnderTest): Promise<void> => {
    await proxy.proxy.close();
    assert.deepEqual(await proxy.inspect(), nothingOpen);
    assert.deepEqual(proxy.complaints, []);
  };
  /** An endpoint that holds every request, and a client whose request it holds. */
  const holdOne = async (harness: Harness, held: ServerResponse[]): Promise<RawClient> => {
    const client = await harness.raw();
    const before = held.length;
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    await eventually(() => held.length > before, "the endpoint has the request");
    return client;
  };

  testWithHarness(`closing under load loses no request and tells every client to go, ${title}`, async (harness) => {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
    const load = harness.load({ clients: 20, isOneConnection: true });
    await load.untilMore(200);
    await proxy.proxy.close();
    await load.done();
    assert.deepEqual(load.failures, []);
    const lines = readFileSync(join(proxy.folder, "access.log"), "utf8").trimEnd().split("\n");
    assert.equal(lines.length, load.answered, "every line of the access log is written");
    await eventually(() => origin.openCount === 0, "no connection to the endpoint is left");
    await finish(proxy);
  });

  testWithHarness(
    `a request under way ends, the address is refused meanwhile and /readyz says 503, ${title}`,
    async (harness) => {
      const held: ServerResponse[] = [];
      const origin = await harness.origin((_request, response) => void held.push(response));
      const proxy = await start(harness, origin);
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 200);
      const client = await holdOne(harness, held);
      const port = proxy.port;
      const closing = proxy.proxy.close();
      await eventually(() => isRefused(port), "nobody is let in");
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 503);
      assert.equal((await fetch(`${proxy.admin}/livez`)).status, 200);
      await assert.rejects(
        proxy.reload({ config: { listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { status: 204 } }] } }),
        /not running/,
      );
      held[0]?.end("late");
      const answer = await client.response();
      assert.equal(answer.body.toString(), "late");
      assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
      await client.untilOver();
      await client.close();
      await closing;
      await finish(proxy);
    },
  );

  testWithHarness(`an upload that has begun is taken to its end, ${title}`, async (harness) => {
    const origin = await harness.origin((request, response) => {
      let size = 0;
      request
        .on("data", (chunk: Buffer) => {
          size += chunk.length;
        })
        .on("end", () => response.end(String(size)));
    });
    const proxy = await start(harness, origin);
    const client = await harness.raw(proxy);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    await eventually(async () => (await proxy.inspect()).exchanges === 1, "the request has begun");
    const closing = proxy.proxy.close();
    client.send("67890");
    assert.equal((await client.response()).body.toString(), "10");
    await client.close();
    await closing;
    await finish(proxy);
  });

  testWithHarness(`a request that crosses the closing on an idle connection is answered, ${title}`, async (harness) => {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
    const client = await harness.raw(proxy);
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.response();
    const closing = proxy.proxy.close();
    client.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    const answer = await client.response();
    assert.equal(answer.body.toString(), "/second");
    assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
    await client.close();
    await closing;
    await finish(proxy);
  });

  testWithHarness(
    `a program that closes its proxy waits for no idle connection, however recently it was used, ${title}`,
    async (harness) => {
      const origin = await harness.origin(echo("a"));
      const proxy = await harness.proxy({
        config: {
          workers: threads,
          listeners: [{ address: "127.0.0.1:0" }],
          routes: [{ upstream: "app" }],
          upstreams: { app: { endpoints: [origin.url] } },
        },
      });
      const client = await harness.raw(proxy);
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.response();
      const closing = proxy.proxy.close();
      await nextTurn();
      assert.equal((await proxy.inspect()).connections, 0, "it is closed before anything could be waited for");
      await client.untilOver();
      client.destroy();
      await closing;
    },
  );

  testWithHarness(`connections that stay idle do not hold up the closing, ${title}`, async (harness) => {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
    const clients = await harness.raws(5, proxy);
    await eventually(async () => (await proxy.inspect()).connections === 5, "all are open");
    await proxy.proxy.close();
    await Promise.all(clients.map((client) => client.untilOver()));
    for (const client of clients) client.destroy();
    await finish(proxy);
  });

  testWithHarness(`the grace period ends a request that does not, and the log says why, ${title}`, async (harness) => {
    const held: ServerResponse[] = [];
    const origin = await harness.origin((_request, response) => void held.push(response));
    const proxy = await start(harness, origin, { grace: "50ms" });
    const client = await holdOne(harness, held);
    await proxy.proxy.close();
    await client.untilOver();
    assert.match(client.received.toString("latin1"), /^HTTP\/1\.1 503 .*\(SHUTTING_DOWN\)/s);
    client.destroy();
    const [line] = readFileSync(join(proxy.folder, "access.log"), "utf8").trimEnd().split("\n");
    const { status, reason } = JSON.parse(line ?? "") as { status: number; reason: string };
    assert.deepEqual([status, reason], [503, "SHUTTING_DOWN"]);
    assert.deepEqual(proxy.proxy.cut, { exchanges: 1, tunnels: 0 });
    await eventually(() => origin.openCount === 0, "the endpoint's connection is closed, too");
    await finish(proxy);
  });

  testWithHarness(`a later close can only shorten the grace period, ${title}`, async (harness) => {
    const held: ServerResponse[] = [];
    const origin = await harness.origin((_request, response) => void held.push(response));
    const proxy = await start(harness, origin);
    const client = await holdOne(harness, held);
    const closing = proxy.proxy.close();
    void proxy.proxy.close();
    void proxy.proxy.close({ graceMs: 7_200_000 });
    void proxy.proxy.close({ graceMs: 20 });
    await closing;
    await client.untilOver();
    client.destroy();
    await finish(proxy);
  });

  testWithHarness(
    `closing without grace is immediate, also as a second thought and any number of times, ${title}`,
    async (harness) => {
      const held: ServerResponse[] = [];
      const origin = await harness.origin((_request, response) => void held.push(response));
      const proxy = await start(harness, origin);
      const client = await holdOne(harness, held);
      const closing = proxy.proxy.close();
      await proxy.proxy.close({ graceMs: 0 });
      await closing;
      await proxy.proxy.close({ graceMs: 0 });
      await client.untilOver();
      client.destroy();
      await finish(proxy);
    },
  );

  testWithHarness(
    `during the delay new connections are served as ever while /readyz says 503, ${title}`,
    async (harness) => {
      const origin = await harness.origin(echo("a"));
      const proxy = await start(harness, origin, { grace: "1h", delay: "1h" });
      const closing = proxy.proxy.close();
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 503);
      const client = await harness.raw(proxy);
      client.send("GET /still HTTP/1.1\r\nHost: a\r\n\r\n");
      const answer = await client.response();
      assert.equal(answer.body.toString(), "/still");
      assert.deepEqual(valuesOf(answer, "connection"), []);
      // With a time of its own, a later close skips what is left of the delay.
      void proxy.proxy.close({ graceMs: 20 });
      await closing;
      await client.untilOver();
      client.destroy();
      await finish(proxy);
    },
  );
}
