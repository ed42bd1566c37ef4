/** A proxy thread dies: the others do not notice, what it held is let go, and another takes its place. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { ConfigInput } from "../../src/index.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { echo } from "../support/load.ts";
import type { MetricsPage } from "../support/metrics-page.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { type ProxyUnderTest, nothingOpen } from "../support/proxy-under-test.ts";
import { valuesOf } from "../support/wire-reader.ts";

const workers = 2;
/** So many that none of two threads is without. */
const connections = 40;

function configOf(origin: Origin, changes: Partial<ConfigInput> = {}): ConfigInput {
  return {
    workers,
    listeners: [{ name: "main", address: "127.0.0.1:0", limits: { connections: 1_000 } }],
    routes: [{ name: "all", upstream: "app" }],
    upstreams: { app: { endpoints: [origin.url] } },
    ...changes,
  };
}

const start = (harness: Harness, origin: Origin, changes: Partial<ConfigInput> = {}): Promise<ProxyUnderTest> =>
  harness.proxy({ config: configOf(origin, changes) });

const untilReplaced = (proxy: ProxyUnderTest): Promise<void> =>
  eventually(async () => (await proxy.metrics()).sum("millrace_proxy_threads") === workers, "the thread is replaced");

/** Fails when a counter is smaller than it was. */
function assertForward(before: MetricsPage, after: MetricsPage): void {
  const now = after.counters;
  const backward = [...before.counters].filter(([key, value]) => (now.get(key) ?? 0) < value);
  assert.deepEqual(backward, []);
}

testWithHarness("only the dead thread's connections break, and its counts are taken out exactly", async (harness) => {
  const held: ServerResponse[] = [];
  const origin = await harness.origin((_request, response) => void held.push(response));
  const proxy = await start(harness, origin);
  const clients = await harness.raws(connections, proxy);
  for (const client of clients) client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually(() => held.length === connections, "every request is at the endpoint");
  const before = await proxy.metrics();
  assert.equal(before.sum("millrace_endpoint_in_flight"), connections);
  await proxy.killThread(1);
  const broken = (): RawClient[] => clients.filter((client) => client.isOver);
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
  for (const response of held) response.end("at last");
  for (const client of clients.filter((one) => !one.isOver))
    assert.equal((await client.response()).body.toString(), "at last");
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_requests_total", { code: "200" }) === survivors,
    "the survivors are counted, and nobody else",
  );
  for (const client of clients) client.destroy();
});

testWithHarness(
  "under load nobody gets a wrong answer, counters only grow, and the load goes on with the new thread",
  async (harness) => {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
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
      load.failures.filter((failure) => !/ended within an answer|ECONNRESET/.test(failure)),
      [],
    );
    assert.ok(load.failures.length <= 2 * 8 * 2, `${load.failures.length} failures`);
    assert.deepEqual(load.byStatus, { 200: load.answered });
    const total = (await proxy.metrics()).sum("millrace_requests_total", { code: "200" });
    assert.ok(
      total >= load.answered && total <= load.answered + load.failures.length,
      `${total} counted, ${load.answered} answered, ${load.failures.length} broken`,
    );
    assert.equal((await proxy.metrics()).sum("millrace_proxy_thread_restarts_total"), 2);
  },
);

testWithHarness("the limit of connections forgets a dead thread's", async (harness) => {
  const origin = await harness.origin(echo("a"));
  const proxy = await start(harness, origin, {
    listeners: [{ name: "main", address: "127.0.0.1:0", limits: { connections } }],
  });
  const clients = await harness.raws(connections, proxy);
  const ask = async (client: RawClient): Promise<boolean> => {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.response().then(
      () => true,
      () => false,
    );
  };
  assert.ok((await Promise.all(clients.map(ask))).every((isServed) => isServed));
  await proxy.killThread(0);
  await untilReplaced(proxy);
  const survivors = (await proxy.inspect()).connections;
  const more = await harness.raws(connections, proxy);
  const served = (await Promise.all(more.map(ask))).filter((isServed) => isServed).length;
  assert.equal(served, connections - survivors);
  for (const client of [...clients, ...more]) client.destroy();
});

testWithHarness("a Unix socket, which one thread has alone, is open again with its successor", async (harness) => {
  const origin = await harness.origin(echo("a"));
  const proxy = await harness.proxy((folder) => ({
    config: configOf(origin, {
      listeners: [
        { name: "main", address: "127.0.0.1:0" },
        { name: "local", address: `unix:${join(folder, "proxy.sock")}` },
      ],
    }),
  }));
  const ask = async (): Promise<string> => {
    const client = await RawClient.connect({ path: join(proxy.folder, "proxy.sock") });
    client.send("GET /here HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const { body } = await client.response();
    await client.close();
    return body.toString();
  };
  assert.equal(await ask(), "/here");
  await proxy.killThread(0);
  await untilReplaced(proxy);
  assert.equal(await ask(), "/here");
});

testWithHarness(
  "threads that die one after the other are replaced ever later, and the rest serves meanwhile",
  async (harness) => {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
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

testWithHarness(
  "after a thread has died in the middle of a reload, all threads have the same configuration",
  async (harness) => {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
    let running = 0;
    for (let step = 1; step <= 4; step++) {
      const next = configOf(origin, {
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
        const client = await harness.raw(proxy);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        steps.add(valuesOf(await client.response(), "x-step")[0] ?? "0");
        await client.close();
      }
      assert.deepEqual([...steps], [String(running)], `step ${step}`);
    }
  },
);

testWithHarness("threads that die during the drain do not hold it up, and are not replaced", async (harness) => {
  const held: ServerResponse[] = [];
  const origin = await harness.origin((_request, response) => void held.push(response));
  const proxy = await start(harness, origin, { shutdown: { grace: "1h" } });
  const clients = await harness.raws(10, proxy);
  for (const client of clients) client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually(() => held.length === clients.length, "every request is at the endpoint");
  const closing = proxy.proxy.close();
  for (let index = 0; index < workers; index++) await proxy.killThread(index);
  await closing;
  await Promise.all(clients.map((client) => client.untilOver()));
  for (const client of clients) client.destroy();
});

testWithHarness("closing while a thread is being replaced leaves no thread and no socket", async (harness) => {
  for (const graceMs of [0, 1_000]) {
    const origin = await harness.origin(echo("a"));
    const proxy = await start(harness, origin);
    const port = proxy.port;
    await proxy.killThread(0);
    await proxy.proxy.close({ graceMs });
    const client = connect(port, "127.0.0.1");
    await assert.rejects(once(client, "connect"), { code: "ECONNREFUSED" });
    assert.deepEqual(await proxy.inspect(), nothingOpen);
  }
});

testWithHarness("there is no thread to kill inline, nor one beyond the last", async (harness) => {
  const origin = await harness.origin(echo("a"));
  const proxy = await start(harness, origin);
  await assert.rejects(proxy.killThread(2), RangeError);
  const inline = await harness.proxy({ config: { ...configOf(origin), workers: 0 } });
  await assert.rejects(inline.proxy.killThread(0), RangeError);
  await inline.close();
});
