/** Rate limits whose counts instances exchange through a real etcd, and through the double of Consul. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { FakeConsul } from "../../src/remote/consul/testing/fake-consul.ts";
import { etcdCommand, EtcdServer } from "../support/etcd-server.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyOptions } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Speaker } from "../support/speaker.ts";

/** A store that can be ill-treated. */
interface Store {
  readonly options: object;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

async function startEtcd(): Promise<Store> {
  const server = await EtcdServer.start();
  return {
    options: { etcd: { urls: [server.url] } },
    goAway: () => server.kill(),
    comeBack: () => server.restart(),
    close: () => server.close(),
  };
}

async function startConsul(): Promise<Store> {
  const consul = await FakeConsul.start();
  const { port } = consul;
  return {
    options: { consul: { url: consul.url } },
    goAway: () => consul.stop(),
    comeBack: () => consul.listen(port),
    close: () => consul.close(),
  };
}

const optionsOf = (store: Store, rateLimit: Record<string, unknown>): ProxyOptions => ({
  routes: [
    {
      name: "limited",
      middlewares: [{ rateLimit: { rate: "1/h", store: "shared", ...rateLimit } }],
      respond: { body: "fine" },
    },
  ],
  config: { stores: { shared: store.options } },
});

const statusOf = async (client: Speaker): Promise<number> => (await client.ask()).status;

/** How many requests pass, one after the other with pauses, until one is refused. */
async function countUntilRefused(client: Speaker): Promise<number> {
  for (let passed = 0; ; passed++) {
    if ((await statusOf(client)) === 429) return passed;
    await pause(50);
  }
}

for (const [name, start, skip] of [
  ["etcd", startEtcd, etcdCommand === null && "etcd is not installed: node scripts/install-packages.ts test"],
  ["consul", startConsul, false],
] as const) {
  async function startStore(harness: Harness): Promise<Store> {
    const store = await start();
    harness.atEnd(() => store.close());
    return store;
  }

  testWithHarness(
    `${name}: what one instance admits, another one does not, whichever thread counts`,
    async (harness) => {
      const store = await startStore(harness);
      const options = optionsOf(store, { burst: 1_000 });
      const one = await harness.speaker(await harness.proxy({ ...options, threads: 2 }));
      const other = await harness.speaker(await harness.proxy(options));
      for (let count = 0; count < 1_000; count++) assert.equal(await statusOf(one), 200);
      assert.equal(await statusOf(one), 429);
      assert.ok((await countUntilRefused(other)) < 1_000, "its own burst alone was not used up");
      assert.match((await other.ask()).value("ratelimit") ?? "", /^"limited";r=0/);
    },
    { skip },
  );

  testWithHarness(
    `${name}: while it is away each instance counts alone, or refuses if it is told to; both end with the outage`,
    async (harness) => {
      const store = await startStore(harness);
      const open = await harness.proxy(optionsOf(store, { burst: 1_000_000 }));
      const closed = await harness.proxy(optionsOf(store, { burst: 1_000_000, onStoreFailure: "closed" }));
      const [openClient, closedClient] = [await harness.speaker(open), await harness.speaker(closed)];
      await eventually(async () => (await statusOf(closedClient)) === 200, "the store is heard");
      assert.equal(await statusOf(openClient), 200);
      await store.goAway();
      await eventually(async () => (await statusOf(closedClient)) === 503, "it refuses");
      assert.equal(await statusOf(openClient), 200);
      await eventually(
        () => open.complaints.some((text) => text.includes("rate limits are counted in this instance alone")),
        "the log says so",
      );
      await store.comeBack();
      await eventually(async () => (await statusOf(closedClient)) === 200, "the store is heard again");
      await eventually(
        () => open.messages.some(({ message }) => message.startsWith("rate limits are counted together again")),
        "the log says so",
      );
    },
    { skip },
  );

  testWithHarness(
    `${name}: a reload that takes the store away leaves it`,
    async (harness) => {
      const store = await startStore(harness);
      const proxy = await harness.proxy(optionsOf(store, { burst: 5 }));
      const client = await harness.speaker(proxy);
      assert.equal(await statusOf(client), 200);
      await proxy.reload(optionsOf(store, { burst: 7 }));
      for (let count = 0; count < 6; count++) assert.equal(await statusOf(client), 200);
      assert.equal(await statusOf(client), 429);
      await proxy.reload({ routes: [{ respond: { body: "fine" } }], config: { stores: {} } });
      assert.equal(await statusOf(client), 200);
    },
    { skip },
  );
}
