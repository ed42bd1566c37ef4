/** A reload touches only what it changes: sockets, connections and counts of everything else live on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { echo } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";
import { valuesOf } from "../support/wire-reader.ts";

const main = { name: "main", address: "127.0.0.1:0" };
const second = { name: "second", address: "localhost:0" };

async function ask(client: RawClient): ReturnType<RawClient["response"]> {
  client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  const answer = await client.response();
  assert.equal(answer.status, 200);
  return answer;
}

for (const [title, workers] of modes) {
  const withStage = async (
    origin: Origin,
    first: Partial<ConfigInput>,
    run: (stage: Stage, reload: (changes?: Partial<ConfigInput>) => ReturnType<Stage["reload"]>) => Promise<void>,
  ): Promise<void> => {
    const config = (changes: Partial<ConfigInput> = {}): ConfigInput => ({
      workers,
      listeners: [main],
      routes: [{ name: "all", upstream: "app" }],
      upstreams: { app: { endpoints: [origin.url] } },
      ...changes,
    });
    const stage = await Stage.start(config(first));
    try {
      await run(stage, (changes) => stage.reload(config(changes)));
      assert.deepEqual(stage.complaints, []);
      await origin.close();
      await stage.untilEmpty();
    } finally {
      await origin.close();
      await stage.close();
    }
  };

  test(`connections on both sides live through changes that do not concern them, ${title}`, async () => {
    const usedPorts = new Set<number | undefined>();
    const origin = await Origin.start((request, response) => {
      if (request.url === "/x") usedPorts.add(request.socket.remotePort);
      echo("a")(request, response);
    });
    await withStage(origin, {}, async (stage, reload) => {
      const client = await RawClient.connect(stage.port());
      const addresses = stage.proxy.addresses();
      await ask(client);
      const endpoints = [{ url: origin.url, weight: 3 }];
      const changes: Partial<ConfigInput>[] = [
        {
          routes: [
            {
              name: "everything",
              upstream: "app",
              middlewares: [{ headers: { response: { set: { "x-new": "1" } } } }],
            },
          ],
        },
        {
          listeners: [
            { ...main, limits: { connections: 100 }, timeouts: { keepAlive: "20s" }, trustedProxies: ["10.0.0.0/8"] },
          ],
        },
        { listeners: [main, second] },
        {
          upstreams: {
            app: { endpoints, balance: "least-connections", retry: { attempts: 1 }, health: { path: "/health" } },
          },
        },
        { upstreams: { app: { endpoints }, other: { endpoints: ["http://127.0.0.1:9"] } } },
        { log: { stats: "0s", access: { path: join(stage.folder, "access.log") } }, shutdown: { grace: "5s" } },
        {},
      ];
      for (const change of changes) {
        const diff = await reload(change);
        assert.equal(diff.isEmpty, false);
        await ask(client);
      }
      assert.equal(usedPorts.size, 1, "one connection to the endpoint served all requests");
      assert.deepEqual(stage.proxy.addresses(), addresses);
      assert.equal((await stage.metrics()).sum("millrace_connections_accepted_total"), 1);
      // What does concern them: a new pool takes over and the old one is closed, without the client noticing.
      await reload({ upstreams: { app: { endpoints: [origin.url], pool: { maxIdle: 3 } } } });
      await ask(client);
      assert.equal(usedPorts.size, 2);
      await eventually(() => origin.openCount === 1, "the old connection is closed");
      client.destroy();
    });
  });

  test(`a reload with the same configuration does nothing, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, {}, async (_stage, reload) => {
      const diff = await reload();
      assert.equal(diff.isEmpty, true);
      assert.deepEqual(diff.listeners.unchanged, ["main"]);
    });
  });

  test(`the difference is told by name, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, {}, async (_stage, reload) => {
      const diff = await reload({
        listeners: [{ ...main, limits: { headFields: 50 } }, second],
        routes: [{ name: "new", upstream: "next" }],
        upstreams: { next: { endpoints: [origin.url] } },
      });
      assert.deepEqual([diff.listeners.changed, diff.listeners.added], [["main"], ["second"]]);
      assert.deepEqual([diff.routes.added, diff.routes.removed], [["new"], ["all"]]);
      assert.deepEqual([diff.upstreams.added, diff.upstreams.removed], [["next"], ["app"]]);
      assert.deepEqual(diff.otherKeys, []);
    });
  });

  test(`a listener that is removed finishes what is under way and accepts nothing new, ${title}`, async () => {
    const held: ServerResponse[] = [];
    const origin = await Origin.start((_request, response) => void held.push(response));
    await withStage(origin, { listeners: [main, second] }, async (stage, reload) => {
      const port = stage.port("second");
      const host = stage.proxy.addresses().find(({ name }) => name === "second")?.host ?? "";
      const client = new RawClient(connect({ port, host, allowHalfOpen: true }));
      client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
      await eventually(() => held.length === 1, "the endpoint has the request");
      await reload();
      assert.deepEqual(
        stage.proxy.addresses().map(({ name }) => name),
        ["main"],
      );
      await assert.rejects(once(connect({ port, host }), "connect"), { code: "ECONNREFUSED" });
      assert.equal((await stage.proxy.inspect()).exchanges, 1);
      held[0]?.end("late");
      const answer = await client.response();
      assert.equal(answer.body.toString(), "late");
      assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
      await client.close();
    });
  });

  test(`a removed listener's grace period is the proxy's, ${title}`, async () => {
    const held: ServerResponse[] = [];
    const origin = await Origin.start((_request, response) => void held.push(response));
    await withStage(origin, { listeners: [main, second] }, async (stage, reload) => {
      const address = stage.proxy.addresses().find(({ name }) => name === "second");
      const client = new RawClient(
        connect({ port: address?.port ?? 0, host: address?.host ?? "", allowHalfOpen: true }),
      );
      client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
      await eventually(() => held.length === 1, "the endpoint has the request");
      await reload({ shutdown: { grace: "20ms" } });
      // As when the proxy itself is closed: whoever was sent nothing of an answer is told so.
      assert.equal((await client.response()).status, 503);
      await client.untilOver();
      client.destroy();
    });
  });

  test(`a listener that gets another name keeps its connections, and they are counted under the new one, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, {}, async (stage, reload) => {
      const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(stage.port())));
      for (const client of clients) await ask(client);
      await reload({ listeners: [{ ...main, name: "renamed", limits: { connections: 7 } }] });
      const metrics = await stage.metrics();
      assert.deepEqual(metrics.by("millrace_connections", "listener"), { renamed: 6 });
      for (const client of clients) await ask(client);
      const [seventh, eighth] = [await RawClient.connect(stage.port()), await RawClient.connect(stage.port())];
      const served = await Promise.allSettled([ask(seventh), ask(eighth)]);
      assert.deepEqual(
        served.map(({ status }) => status).sort(),
        ["fulfilled", "rejected"],
        "the limit counts those that were there",
      );
      for (const client of [...clients, seventh, eighth]) client.destroy();
    });
  });

  test(`reloads asked for at once come one after the other, the last one last, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, {}, async (stage, reload) => {
      const steps = Array.from({ length: 8 }, (_, index) => String(index));
      const diffs = await Promise.all(
        steps.map((step) =>
          reload({
            routes: [
              { name: "all", upstream: "app", middlewares: [{ headers: { response: { set: { "x-step": step } } } }] },
            ],
          }),
        ),
      );
      assert.ok(diffs.every(({ routes }) => routes.changed.length === 1));
      const client = await RawClient.connect(stage.port());
      assert.deepEqual(valuesOf(await ask(client), "x-step"), ["7"]);
      client.destroy();
    });
  });

  test(`new admin tokens hold at once, on the same admin listener, ${title}`, async () => {
    const origin = await Origin.start(echo("a"));
    await withStage(origin, {}, async (stage, reload) => {
      const { admin } = stage;
      await reload({ admin: { address: "127.0.0.1:0", tokens: [{ token: "correct-horse", role: "read" }] } });
      assert.equal(stage.admin, admin);
      assert.equal((await fetch(`${admin}/api/v1/status`)).status, 401);
      assert.equal(
        (await fetch(`${admin}/api/v1/status`, { headers: { authorization: "Bearer correct-horse" } })).status,
        200,
      );
      await reload();
      assert.equal((await fetch(`${admin}/api/v1/status`)).status, 200);
    });
  });
}
