/** A proxy thread dies: the others do not notice, what it held is let go, and another takes its place. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo, silence } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { MetricsPage } from "../support/metrics-page.ts";
import { type ProxyUnderTest, nothingOpen } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Speaker } from "../support/speaker.ts";

const workers = 2;
/** So many that none of two threads is without. */
const connections = 40;

function configOf(endpoint: Endpoint, changes: Partial<ConfigInput> = {}): ConfigInput {
  return {
    workers,
    listeners: [{ name: "main", address: "127.0.0.1:0", limits: { connections: 1_000 } }],
    routes: [{ name: "all", upstream: "app" }],
    upstreams: { app: { endpoints: [endpoint.url] } },
    ...changes,
  };
}

const start = (harness: Harness, endpoint: Endpoint, changes: Partial<ConfigInput> = {}): Promise<ProxyUnderTest> =>
  harness.proxy({ config: configOf(endpoint, changes) });

const untilReplaced = (proxy: ProxyUnderTest): Promise<void> =>
  eventually(async () => (await proxy.metrics()).sum("millrace_proxy_threads") === workers, "the thread is replaced");

/** Fails when a counter is smaller than it was. */
function assertForward(before: MetricsPage, after: MetricsPage): void {
  const now = after.counters;
  const backward = [...before.counters].filter(([key, value]) => (now.get(key) ?? 0) < value);
  assert.deepEqual(backward, []);
}

testOverProtocols("only the dead thread's connections break, and its counts are taken out exactly", async (harness) => {
  const endpoint = await harness.endpoint(silence);
  const proxy = await start(harness, endpoint);
  const clients = await harness.speakers(connections);
  const exchanges = clients.map((client) => client.begin({ path: "/held" }));
  await endpoint.asked(connections);
  const before = await proxy.metrics();
  assert.equal(before.sum("millrace_endpoint_in_flight"), connections);
  await proxy.killThread(1);
  const broken = (): Speaker[] => clients.filter((client) => client.isOver);
  await untilReplaced(proxy);
  const after = await proxy.metrics();
  const survivors = after.sum("millrace_connections");
  await eventually(
    () => broken().length === connections - survivors,
    "the dead thread's connections broke, and no other",
  );
  assert.ok(survivors > 0 && survivors < connections, `${survivors} survivors`);
  assert.equal(after.sum("millrace_requests_in_flight"), survivors);
  assert.equal(after.sum("millrace_endpoint_in_flight"), survivors);
  assertForward(before, after);
  for (const asked of endpoint.exchanges) asked.answer({ body: "at last" });
  for (const [at, client] of clients.entries())
    if (!client.isOver) assert.equal((await exchanges[at]!.answer()).text, "at last");
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_requests_total", { code: "200" }) === survivors,
    "the survivors are counted, and nobody else",
  );
  for (const client of clients) client.destroy();
});

testOverProtocols(
  "under load nobody gets a wrong answer, counters only grow, and the load goes on with the new thread",
  async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const proxy = await start(harness, endpoint);
    const load = harness.load({ clients: 8 });
    await load.untilMore(200);
    let before = await proxy.metrics();
    for (const index of [1, 0]) {
      await proxy.killThread(index);
      await load.untilMore(200);
      await untilReplaced(proxy);
      const after = await proxy.metrics();
      assertForward(before, after);
      before = after;
    }
    await load.untilMore(200);
    await load.stop();
    // A connection breaks with its thread; a new one may be lost in the queue of the dying socket. Nothing else
    // happens to anybody.
    assert.deepEqual(
      load.failures.filter((failure) => !/the answer ended before|ECONNRESET/.test(failure)),
      [],
    );
    assert.ok(load.failures.length <= 2 * 8 * 2, `${load.failures.length} failures`);
    assert.deepEqual(load.byStatus, { 200: load.answered });
    // A thread counts behind its answer; each of the two may have died in between.
    let total = 0;
    await eventually(
      async () => {
        total = (await proxy.metrics()).sum("millrace_requests_total", { code: "200" });
        return total >= load.answered - 2 && total <= load.answered + load.failures.length;
      },
      () => `${total} counted, ${load.answered} answered, ${load.failures.length} broken`,
    );
    assert.equal((await proxy.metrics()).sum("millrace_proxy_thread_restarts_total"), 2);
  },
);

testOverProtocols("the limit of connections forgets a dead thread's", async (harness) => {
  const endpoint = await harness.endpoint(echo("a"));
  const proxy = await start(harness, endpoint, {
    listeners: [{ name: "main", address: "127.0.0.1:0", limits: { connections } }],
  });
  const clients = await harness.speakers(connections);
  const ask = (client: Speaker): Promise<boolean> =>
    client.ask().then(
      () => true,
      () => false,
    );
  assert.ok((await Promise.all(clients.map(ask))).every((isServed) => isServed));
  await proxy.killThread(0);
  await untilReplaced(proxy);
  const survivors = (await proxy.inspect()).connections;
  const more = await harness.speakers(connections);
  const served = (await Promise.all(more.map(ask))).filter((isServed) => isServed).length;
  assert.equal(served, connections - survivors);
  for (const client of [...clients, ...more]) client.destroy();
});

testOverProtocols("a Unix socket, which one thread has alone, is open again with its successor", async (harness) => {
  const endpoint = await harness.endpoint(echo("a"));
  const proxy = await harness.proxy((folder) => ({
    config: configOf(endpoint, {
      listeners: [
        { name: "main", address: "127.0.0.1:0" },
        { name: "local", address: `unix:${join(folder, "proxy.sock")}` },
      ],
    }),
  }));
  const ask = async (): Promise<string> => {
    const client = await harness.speakerAt({ path: join(proxy.folder, "proxy.sock") });
    const { text } = await client.ask({ path: "/here" });
    await client.close();
    return text;
  };
  assert.equal(await ask(), "/here");
  await proxy.killThread(0);
  await untilReplaced(proxy);
  assert.equal(await ask(), "/here");
});

testOverProtocols(
  "threads that die one after the other are replaced ever later, and the rest serves meanwhile",
  async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const proxy = await start(harness, endpoint);
    for (let death = 0; death < 3; death++) {
      await proxy.killThread(1);
      const load = harness.load({ clients: 2, requestsPerClient: 10 });
      await load.done();
      assert.deepEqual(load.failures, []);
      await untilReplaced(proxy);
    }
    const delays = proxy.messages
      .filter(({ message }) => message === "a proxy thread died and is replaced")
      .map(({ fields }) => fields["delayMs"]);
    assert.deepEqual(delays, [0, 100, 200]);
  },
);

testOverProtocols(
  "after a thread has died in the middle of a reload, all threads have the same configuration",
  async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const proxy = await start(harness, endpoint);
    let running = 0;
    for (let step = 1; step <= 4; step++) {
      const next = configOf(endpoint, {
        routes: [
          {
            name: "all",
            upstream: "app",
            middlewares: [{ headers: { response: { set: { "x-step": String(step) } } } }],
          },
        ],
      });
      const [reloaded] = await Promise.allSettled([proxy.reload({ config: next }), proxy.killThread(step % 2)]);
      if (reloaded.status === "fulfilled") running = step;
      await untilReplaced(proxy);
      const steps = new Set<string>();
      for (let count = 0; count < connections; count++) {
        steps.add((await harness.ask()).value("x-step") ?? "0");
      }
      assert.deepEqual([...steps], [String(running)], `step ${step}`);
    }
  },
);

testOverProtocols("threads that die during the drain do not hold it up, and are not replaced", async (harness) => {
  const endpoint = await harness.endpoint(silence);
  const proxy = await start(harness, endpoint, { shutdown: { grace: "1h" } });
  const clients = await harness.speakers(10);
  for (const client of clients) client.begin({ path: "/held" });
  await endpoint.asked(clients.length);
  const closing = proxy.proxy.close();
  for (let index = 0; index < workers; index++) await proxy.killThread(index);
  await closing;
  await Promise.all(clients.map((client) => client.untilOver()));
  for (const client of clients) client.destroy();
});

testOverProtocols("closing while a thread is being replaced leaves no thread and no socket", async (harness) => {
  for (const graceMs of [0, 1_000]) {
    const endpoint = await harness.endpoint(echo("a"));
    const proxy = await start(harness, endpoint);
    const port = proxy.port;
    await proxy.killThread(0);
    await proxy.proxy.close({ graceMs });
    const client = connect(port, "127.0.0.1");
    await assert.rejects(once(client, "connect"), { code: "ECONNREFUSED" });
    assert.deepEqual(await proxy.inspect(), nothingOpen);
  }
});

testOverProtocols("there is no thread to kill inline, nor one beyond the last", async (harness) => {
  const endpoint = await harness.endpoint(echo("a"));
  const proxy = await start(harness, endpoint);
  await assert.rejects(proxy.killThread(2), RangeError);
  const inline = await harness.proxy({ config: { ...configOf(endpoint), workers: 0 } });
  await assert.rejects(inline.proxy.killThread(0), RangeError);
  await inline.close();
});
