/** A real cluster of three: members are killed, frozen, and left without a leader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EtcdServer, etcdCommand } from "../../../test/support/etcd-server.ts";
import { askEtcd, Listener, openClient, startCluster } from "./testing/etcd-under-test.ts";

const skip = etcdCommand === null ? "etcd is not installed" : false;

/** Follows over the first member; another client writes over the last one. */
async function start(t: Parameters<typeof startCluster>[0]): Promise<{
  servers: readonly EtcdServer[];
  listener: Listener;
  write(key: string): Promise<void>;
}> {
  const servers = await startCluster(t, 3);
  const urls = servers.map(({ url }) => url);
  const writer = openClient(t, urls.toReversed());
  const listener = Listener.follow(openClient(t, urls), "/api/");
  await writer.put("/api/a", "1");
  await listener.untilIs({ "/api/a": "1" });
  await listener.until(() => listener.aliveCount > 0, "the watch is there");
  return { servers, listener, write: (key) => writer.put(key, "1") };
}

test("a member that is killed is passed over, and nothing is missed or said", { skip }, async (t) => {
  const { servers, listener, write } = await start(t);
  await servers[0]!.kill();
  await write("/api/b");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1" });
  assert.deepEqual(listener.failures, []);
  await servers[0]!.restart();
  await servers[1]!.kill();
  await write("/api/c");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1", "/api/c": "1" });
});

test("a member that is frozen is found out and passed over", { skip }, async (t) => {
  const { servers, listener, write } = await start(t);
  servers[0]!.freeze();
  await write("/api/b");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1" });
  servers[0]!.thaw();
  await write("/api/c");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1", "/api/c": "1" });
  assert.deepEqual(listener.failures, []);
});

test("without a leader it is said and what was told holds; with one it goes on", { skip }, async (t) => {
  const { servers, listener, write } = await start(t);
  // The one that is asked stands alone, as if it were cut off.
  await Promise.all([servers[1]!.kill(), servers[2]!.kill()]);
  await listener.until(() => listener.failures.length > 0, "it is said");
  assert.equal(listener.states.length, 1);
  const isBack = Promise.all([servers[1]!.restart(), servers[2]!.restart()]);
  await isBack;
  await write("/api/b");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1" });
});

test("a lease outlives the member that gave it", { skip }, async (t) => {
  const servers = await startCluster(t, 3);
  const client = openClient(
    t,
    servers.map(({ url }) => url),
  );
  const lease = await client.grant(20);
  await client.put("/api/a", "1", { lease });
  await servers[0]!.kill();
  assert.ok((await client.keepAlive(lease)) > 0);
  await askEtcd(servers[1]!.url, "lease/revoke", { ID: lease });
  assert.equal(await client.keepAlive(lease), 0);
});
