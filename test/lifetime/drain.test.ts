/** The way out: what is under way is finished within the grace period, nothing is lost, nothing is left. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConfigInput } from "../../src/index.ts";
import { echo, Load } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";
import { valuesOf } from "../support/wire-reader.ts";

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const isConnected = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return !isConnected;
}

for (const [title, workers] of modes) {
  const withStage = async (
    origin: Origin,
    run: (stage: Stage) => Promise<void>,
    shutdown: ConfigInput["shutdown"] = { grace: "1h" },
  ): Promise<void> => {
    const stage = await Stage.start(
      (folder) => ({
        workers,
        shutdown,
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        routes: [{ name: "all", upstream: "app" }],
        upstreams: { app: { endpoints: [origin.url] } },
        log: { stats: "0s", access: { path: join(folder, "access.log") } },
        // As the command does it.
      }),
      { idleGraceMs: 300 },
    );
    try {
      await run(stage);
      await stage.proxy.close();
      assert.deepEqual(await stage.proxy.inspect(), {
        connections: 0,
        exchanges: 0,
        upstreamConnections: 0,
        idleUpstreamConnections: 0,
        deadlines: 0,
      });
      assert.deepEqual(stage.complaints, []);
    } finally {
      await stage.close();
      await origin.close();
    }
  };
  /** An endpoint that holds every request, and a client whose request it holds. */
  const holdOne = async (stage: Stage, held: ServerResponse[]): Promise<RawClient> => {
    const client = await RawClient.connect(stage.port());
    const before = held.length;
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    await eventually(() => held.length > before, "the endpoint has the request");
    return client;
  };

  test(`closing under load loses no request and tells every client to go, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, async (stage) => {
      const load = new Load({ port: stage.port(), clients: 20, isOneConnection: true });
      try {
        await load.untilMore(200);
        await stage.proxy.close();
        await load.done();
        assert.deepEqual(load.failures, []);
        const lines = readFileSync(join(stage.folder, "access.log"), "utf8").trimEnd().split("\n");
        assert.equal(lines.length, load.answered, "every line of the access log is written");
        await eventually(() => origin.openCount === 0, "no connection to the endpoint is left");
      } finally {
        load.abandon();
      }
    });
  });

  test(`a request under way ends, the address is refused meanwhile and /readyz says 503, ${title}`, async () => {
    const held: ServerResponse[] = [];
    const origin = await Origin.start((_request, response) => void held.push(response));
    await withStage(origin, async (stage) => {
      assert.equal((await fetch(`${stage.admin}/readyz`)).status, 200);
      const client = await holdOne(stage, held);
      const port = stage.port();
      const closing = stage.proxy.close();
      await eventually(() => isRefused(port), "nobody is let in");
      assert.equal((await fetch(`${stage.admin}/readyz`)).status, 503);
      assert.equal((await fetch(`${stage.admin}/livez`)).status, 200);
      await assert.rejects(
        stage.reload({ listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { status: 204 } }] }),
        /not running/,
      );
      held[0]?.end("late");
      const answer = await client.response();
      assert.equal(answer.body.toString(), "late");
      assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
      await client.untilOver();
      await client.close();
      await closing;
    });
  });

  test(`an upload that has begun is taken to its end, ${title}`, async () => {
    const origin = await Origin.start((request, response) => {
      let size = 0;
      request
        .on("data", (chunk: Buffer) => {
          size += chunk.length;
        })
        .on("end", () => response.end(String(size)));
    });
    await withStage(origin, async (stage) => {
      const client = await RawClient.connect(stage.port());
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
      await eventually(async () => (await stage.proxy.inspect()).exchanges === 1, "the request has begun");
      const closing = stage.proxy.close();
      client.send("67890");
      assert.equal((await client.response()).body.toString(), "10");
      await client.close();
      await closing;
    });
  });

  test(`a request that crosses the closing on an idle connection is answered, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, async (stage) => {
      const client = await RawClient.connect(stage.port());
      client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.response();
      const closing = stage.proxy.close();
      client.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
      const answer = await client.response();
      assert.equal(answer.body.toString(), "/second");
      assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
      await client.close();
      await closing;
    });
  });

  test(`a program that closes its proxy waits for no idle connection, however recently it was used, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    const stage = await Stage.start({
      workers,
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [origin.url] } },
    });
    try {
      const client = await RawClient.connect(stage.port());
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.response();
      const closing = stage.proxy.close();
      await nextTurn();
      assert.equal((await stage.proxy.inspect()).connections, 0, "it is closed before anything could be waited for");
      await client.untilOver();
      client.destroy();
      await closing;
    } finally {
      await stage.close();
      await origin.close();
    }
  });

  test(`connections that stay idle do not hold up the closing, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, async (stage) => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(stage.port())));
      await eventually(async () => (await stage.proxy.inspect()).connections === 5, "all are open");
      await stage.proxy.close();
      await Promise.all(clients.map((client) => client.untilOver()));
      for (const client of clients) client.destroy();
    });
  });

  test(`the grace period ends a request that does not, and the log says why, ${title}`, async () => {
    const held: ServerResponse[] = [];
    const origin = await Origin.start((_request, response) => void held.push(response));
    await withStage(
      origin,
      async (stage) => {
        const client = await holdOne(stage, held);
        await stage.proxy.close();
        await client.untilOver();
        assert.match(client.received.toString("latin1"), /^HTTP\/1\.1 503 .*\(SHUTTING_DOWN\)/s);
        client.destroy();
        const [line] = readFileSync(join(stage.folder, "access.log"), "utf8").trimEnd().split("\n");
        const { status, reason } = JSON.parse(line ?? "") as { status: number; reason: string };
        assert.deepEqual([status, reason], [503, "SHUTTING_DOWN"]);
        assert.deepEqual(stage.proxy.cut, { exchanges: 1, tunnels: 0 });
        await eventually(() => origin.openCount === 0, "the endpoint's connection is closed, too");
      },
      { grace: "50ms" },
    );
  });

  test(`a later close can only shorten the grace period, ${title}`, async () => {
    const held: ServerResponse[] = [];
    const origin = await Origin.start((_request, response) => void held.push(response));
    await withStage(origin, async (stage) => {
      const client = await holdOne(stage, held);
      const closing = stage.proxy.close();
      void stage.proxy.close();
      void stage.proxy.close({ graceMs: 7_200_000 });
      void stage.proxy.close({ graceMs: 20 });
      await closing;
      await client.untilOver();
      client.destroy();
    });
  });

  test(`closing without grace is immediate, also as a second thought and any number of times, ${title}`, async () => {
    const held: ServerResponse[] = [];
    const origin = await Origin.start((_request, response) => void held.push(response));
    await withStage(origin, async (stage) => {
      const client = await holdOne(stage, held);
      const closing = stage.proxy.close();
      await stage.proxy.close({ graceMs: 0 });
      await closing;
      await stage.proxy.close({ graceMs: 0 });
      await client.untilOver();
      client.destroy();
    });
  });

  test(`during the delay new connections are served as ever while /readyz says 503, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(
      origin,
      async (stage) => {
        const closing = stage.proxy.close();
        assert.equal((await fetch(`${stage.admin}/readyz`)).status, 503);
        const client = await RawClient.connect(stage.port());
        client.send("GET /still HTTP/1.1\r\nHost: a\r\n\r\n");
        const answer = await client.response();
        assert.equal(answer.body.toString(), "/still");
        assert.deepEqual(valuesOf(answer, "connection"), []);
        // With a time of its own, a later close skips what is left of the delay.
        void stage.proxy.close({ graceMs: 20 });
        await closing;
        await client.untilOver();
        client.destroy();
      },
      { grace: "1h", delay: "1h" },
    );
  });
}
