/** A reload touches only what it changes: sockets, connections and counts of everything else live on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo, silence } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import { modes, type ProxyOptions, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { Speaker } from "../support/speaker.ts";

const main = { name: "main", address: "127.0.0.1:0" };
const second = { name: "second", address: "localhost:0" };

async function ask(client: Speaker): Promise<ReceivedAnswer> {
  const answer = await client.ask({ path: "/x" });
  assert.equal(answer.status, 200);
  return answer;
}

for (const [title, threads] of modes) {
  type Reload = (changes?: Partial<ConfigInput>) => ReturnType<ProxyUnderTest["reload"]>;
  const start = async (
    harness: Harness,
    endpoint: Endpoint,
    first: Partial<ConfigInput> = {},
  ): Promise<{ proxy: ProxyUnderTest; reload: Reload }> => {
    const optionsOf = (changes: Partial<ConfigInput> = {}): ProxyOptions => ({
      threads,
      config: {
        listeners: [main],
        routes: [{ name: "all", upstream: "app" }],
        upstreams: { app: { endpoints: [endpoint.url] } },
        ...changes,
      },
    });
    const proxy = await harness.proxy(optionsOf(first));
    return { proxy, reload: (changes) => proxy.reload(optionsOf(changes)) };
  };

  testOverProtocols(
    `connections on both sides live through changes that do not concern them, ${title}`,
    async (harness) => {
      const used = new Set<number>();
      const endpoint = await harness.endpoint((exchange) => {
        if (exchange.request.target === "/x") used.add(exchange.connectionIndex);
        echo("a")(exchange);
      });
      const { proxy, reload } = await start(harness, endpoint);
      const client = await harness.speaker(proxy);
      const addresses = proxy.proxy.addresses();
      await ask(client);
      const endpoints = [{ url: endpoint.url, weight: 3 }];
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
      assert.equal(used.size, 1, "one connection to the endpoint served all requests");
      assert.deepEqual(proxy.proxy.addresses(), addresses);
      assert.equal((await proxy.metrics()).sum("millrace_connections_accepted_total"), 1);
      // What does concern them: a new pool takes over and the old one is closed, without the client noticing.
      await reload({ upstreams: { app: { endpoints: [endpoint.url], pool: { maxIdle: 3 } } } });
      await ask(client);
      assert.equal(used.size, 2);
      await endpoint.until(() => endpoint.openCount === 1, "the old connection is closed");
      client.destroy();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testOverProtocols(`a reload with the same configuration does nothing, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const { proxy, reload } = await start(harness, endpoint);
    const diff = await reload();
    assert.equal(diff.isEmpty, true);
    assert.deepEqual(diff.listeners.unchanged, ["main"]);
    assert.deepEqual(proxy.complaints, []);
  });

  testOverProtocols(`the difference is told by name, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const { proxy, reload } = await start(harness, endpoint);
    const diff = await reload({
      listeners: [{ ...main, limits: { headFields: 50 } }, second],
      routes: [{ name: "new", upstream: "next" }],
      upstreams: { next: { endpoints: [endpoint.url] } },
    });
    assert.deepEqual([diff.listeners.changed, diff.listeners.added], [["main"], ["second"]]);
    assert.deepEqual([diff.routes.added, diff.routes.removed], [["new"], ["all"]]);
    assert.deepEqual([diff.upstreams.added, diff.upstreams.removed], [["next"], ["app"]]);
    assert.deepEqual(diff.otherKeys, []);
    assert.deepEqual(proxy.complaints, []);
  });

  testOverProtocols(
    `a listener that is removed finishes what is under way and accepts nothing new, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(silence);
      const { proxy, reload } = await start(harness, endpoint, { listeners: [main, second] });
      const port = proxy.portOf("second");
      const host = proxy.proxy.addresses().find(({ name }) => name === "second")?.host ?? "";
      const client = await harness.speakerAt({ port, host });
      const exchange = client.begin({ path: "/held" });
      const asked = await endpoint.asked();
      await reload();
      assert.deepEqual(
        proxy.proxy.addresses().map(({ name }) => name),
        ["main"],
      );
      await assert.rejects(once(connect({ port, host }), "connect"), { code: "ECONNREFUSED" });
      assert.equal((await proxy.inspect()).exchanges, 1);
      asked.answer({ body: "late" });
      const { text, isLast } = await exchange.answer();
      assert.deepEqual([text, isLast], ["late", true]);
      await client.close();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testOverProtocols(`a removed listener's grace period is the proxy's, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint(silence);
    const { proxy, reload } = await start(harness, endpoint, { listeners: [main, second] });
    const address = proxy.proxy.addresses().find(({ name }) => name === "second");
    const client = await harness.speakerAt({ port: address?.port ?? 0, host: address?.host ?? "" });
    const exchange = client.begin({ path: "/held" });
    await endpoint.asked();
    await reload({ shutdown: { grace: "20ms" } });
    // As when the proxy itself is closed: whoever was sent nothing of an answer is told so.
    assert.equal((await exchange.answer()).status, 503);
    await client.untilOver();
    client.destroy();
    assert.deepEqual(proxy.complaints, []);
  });

  testOverProtocols(
    `a listener that gets another name keeps its connections, and they are counted under the new one, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(echo("a"));
      const { proxy, reload } = await start(harness, endpoint);
      const clients = await harness.speakers(6, proxy);
      for (const client of clients) await ask(client);
      await reload({ listeners: [{ ...main, name: "renamed", limits: { connections: 7 } }] });
      const metrics = await proxy.metrics();
      assert.deepEqual(metrics.by("millrace_connections", "listener"), { renamed: 6 });
      for (const client of clients) await ask(client);
      const [seventh, eighth] = [await harness.speaker(proxy), await harness.speaker(proxy)];
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

  testOverProtocols(
    `reloads asked for at once come one after the other, the last one last, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(echo("a"));
      const { proxy, reload } = await start(harness, endpoint);
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
      const client = await harness.speaker(proxy);
      assert.deepEqual((await ask(client)).values("x-step"), ["7"]);
      client.destroy();
      assert.deepEqual(proxy.complaints, []);
    },
  );

  testOverProtocols(`new admin tokens hold at once, on the same admin listener, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const { proxy, reload } = await start(harness, endpoint);
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
