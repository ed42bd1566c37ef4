/** A reload touches only what it changes: sockets, connections and counts of everything else live on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { ConfigInput } from "../../src/index.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { echo } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { modes, type ProxyOptions, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { valuesOf } from "../support/wire-reader.ts";

const main = { name: "main", address: "127.0.0.1:0" };
const second = { name: "second", address: "localhost:0" };

async function ask(client: RawClient): ReturnType<RawClient["response"]> {
  client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  const answer = await client.response();
  assert.equal(answer.status, 200);
  return answer;
}

for (const [title, threads] of modes) {
  type Reload = (changes?: Partial<ConfigInput>) => ReturnType<ProxyUnderTest["reload"]>;
  const start = async (
    harness: Harness,
    origin: Origin,
    first: Partial<ConfigInput> = {},
  ): Promise<{ proxy: ProxyUnderTest; reload: Reload }> => {
    const optionsOf = (changes: Partial<ConfigInput> = {}): ProxyOptions => ({
      threads,
      config: {
        listeners: [main],
        routes: [{ name: "all", upstream: "app" }],
        upstreams: { app: { endpoints: [origin.url] } },
        ...changes,
      },
    });
    const proxy = await harness.proxy(optionsOf(first));
    return { proxy, reload: (changes) => proxy.reload(optionsOf(changes)) };
  };

  testWithHarness(
    `connections on both sides live through changes that do not concern them, ${title}`,
    async (harness) => {
      const usedPorts = new Set<number | undefined>();
      const origin = await harness.origin((request, response) => {
        if (request.url === "/x") usedPorts.add(request.socket.remotePort);
        echo("a")(request, response);
      });
      const { proxy, reload } = await start(harness, origin);
      const client = await harness.raw(proxy);
      const addresses = proxy.proxy.addresses();
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
        { log: { stats: "0s", access: { path: join(proxy.folder, "access.log") } }, shutdown: { grace: "5s" } },
        {},
      ];
      for (const change of changes) {
        const diff = await reload(change);
        assert.equal(diff.isEmpty, false);
        await ask(client);
      }
      assert.equal(usedPorts.size, 1, "one connection to the endpoint served all requests");
      assert.deepEqual(proxy.proxy.addresses(), addresses);
      assert.equal((await proxy.metrics()).sum("millrace_connections_accepted_total"), 1);
      // What does concern them: a new pool takes over and the old one is closed, without the client noticing.
      await reload({ upstreams: { app: { endpoints: [origin.url], pool: { maxIdle: 3 } } } });
      await ask(client);
      assert.equal(usedPorts.size, 2);
      await eventually(() => origin.openCount === 1, "the old connection is closed");
      client.destroy();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testWithHarness(`a reload with the same configuration does nothing, ${title}`, async (harness) => {
    const origin = await harness.origin(echo("a"));
    const { proxy, reload } = await start(harness, origin);
    const diff = await reload();
    assert.equal(diff.isEmpty, true);
    assert.deepEqual(diff.listeners.unchanged, ["main"]);
    assert.deepEqual(proxy.complaints, []);
  });

  testWithHarness(`the difference is told by name, ${title}`, async (harness) => {
    const origin = await harness.origin(echo("a"));
    const { proxy, reload } = await start(harness, origin);
    const diff = await reload({
      listeners: [{ ...main, limits: { headFields: 50 } }, second],
      routes: [{ name: "new", upstream: "next" }],
      upstreams: { next: { endpoints: [origin.url] } },
    });
    assert.deepEqual([diff.listeners.changed, diff.listeners.added], [["main"], ["second"]]);
    assert.deepEqual([diff.routes.added, diff.routes.removed], [["new"], ["all"]]);
    assert.deepEqual([diff.upstreams.added, diff.upstreams.removed], [["next"], ["app"]]);
    assert.deepEqual(diff.otherKeys, []);
    assert.deepEqual(proxy.complaints, []);
  });

  testWithHarness(
    `a listener that is removed finishes what is under way and accepts nothing new, ${title}`,
    async (harness) => {
      const held: ServerResponse[] = [];
      const origin = await harness.origin((_request, response) => void held.push(response));
      const { proxy, reload } = await start(harness, origin, { listeners: [main, second] });
      const port = proxy.portOf("second");
      const host = proxy.proxy.addresses().find(({ name }) => name === "second")?.host ?? "";
      const client = new RawClient(connect({ port, host, allowHalfOpen: true }));
      client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
      await eventually(() => held.length === 1, "the endpoint has the request");
      await reload();
      assert.deepEqual(
        proxy.proxy.addresses().map(({ name }) => name),
        ["main"],
      );
      await assert.rejects(once(connect({ port, host }), "connect"), { code: "ECONNREFUSED" });
      assert.equal((await proxy.inspect()).exchanges, 1);
      held[0]?.end("late");
      const answer = await client.response();
      assert.equal(answer.body.toString(), "late");
      assert.deepEqual(valuesOf(answer, "connection"), ["close"]);
      await client.close();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testWithHarness(`a removed listener's grace period is the proxy's, ${title}`, async (harness) => {
    const held: ServerResponse[] = [];
    const origin = await harness.origin((_request, response) => void held.push(response));
    const { proxy, reload } = await start(harness, origin, { listeners: [main, second] });
    const address = proxy.proxy.addresses().find(({ name }) => name === "second");
    const client = new RawClient(connect({ port: address?.port ?? 0, host: address?.host ?? "", allowHalfOpen: true }));
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    await eventually(() => held.length === 1, "the endpoint has the request");
    await reload({ shutdown: { grace: "20ms" } });
    // As when the proxy itself is closed: whoever was sent nothing of an answer is told so.
    assert.equal((await client.response()).status, 503);
    await client.untilOver();
    client.destroy();
    assert.deepEqual(proxy.complaints, []);
  });

  testWithHarness(
    `a listener that gets another name keeps its connections, and they are counted under the new one, ${title}`,
    async (harness) => {
      const origin = await harness.origin(echo("a"));
      const { proxy, reload } = await start(harness, origin);
      const clients = await harness.raws(6, proxy);
      for (const client of clients) await ask(client);
      await reload({ listeners: [{ ...main, name: "renamed", limits: { connections: 7 } }] });
      const metrics = await proxy.metrics();
      assert.deepEqual(metrics.by("millrace_connections", "listener"), { renamed: 6 });
      for (const client of clients) await ask(client);
      const [seventh, eighth] = [await harness.raw(proxy), await harness.raw(proxy)];
      const served = await Promise.allSettled([ask(seventh), ask(eighth)]);
      assert.deepEqual(
        served.map(({ status }) => status).sort(),
        ["fulfilled", "rejected"],
        "the limit counts those that were there",
      );
      for (const client of [...clients, seventh, eighth]) client.destroy();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testWithHarness(
    `reloads asked for at once come one after the other, the last one last, ${title}`,
    async (harness) => {
      const origin = await harness.origin(echo("a"));
      const { proxy, reload } = await start(harness, origin);
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
      const client = await harness.raw(proxy);
      assert.deepEqual(valuesOf(await ask(client), "x-step"), ["7"]);
      client.destroy();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testWithHarness(`new admin tokens hold at once, on the same admin listener, ${title}`, async (harness) => {
    const origin = await harness.origin(echo("a"));
    const { proxy, reload } = await start(harness, origin);
    const { admin } = proxy;
    await reload({ admin: { address: "127.0.0.1:0", tokens: [{ token: "correct-horse", role: "read" }] } });
    assert.equal(proxy.admin, admin);
    assert.equal((await fetch(`${admin}/api/v1/status`)).status, 401);
    assert.equal(
      (await fetch(`${admin}/api/v1/status`, { headers: { authorization: "Bearer correct-horse" } })).status,
      200,
    );
    await reload();
    assert.equal((await fetch(`${admin}/api/v1/status`)).status, 200);
    assert.deepEqual(proxy.complaints, []);
  });
}
