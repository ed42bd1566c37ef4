import assert from "node:assert/strict";
import type { LookupFunction } from "node:net";
import { test } from "node:test";
import { etcdCommand } from "../../../test/support/etcd-server.ts";
import { eventually } from "../../../test/support/signal.ts";
import { borrowEtcdClient } from "./shared-clients.ts";
import { Listener, startCluster } from "./testing/etcd-under-test.ts";

const skip = etcdCommand === null ? "etcd is not installed" : false;

test("who speaks to the same cluster shares a client until the last one has closed", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const lookup: LookupFunction = (_host, _options, onDone) => onDone(null, "127.0.0.1", 4);
  const cluster = { urls: [server!.url], user: null, password: null, tls: null };
  const streams = async (): Promise<number> => {
    const text = await (await fetch(`${server!.url}/metrics`)).text();
    return Number(/^etcd_debugging_mvcc_watch_stream_total (\d+)/m.exec(text)?.[1] ?? -1);
  };
  const [one, other] = [borrowEtcdClient(cluster, { lookup }), borrowEtcdClient({ ...cluster }, { lookup })];
  t.after(() => [one, other].forEach((client) => client.close()));
  const [first, second] = [Listener.follow(one, "/one/"), Listener.follow(other, "/other/")];
  await Promise.all([first.untilIs({}), second.untilIs({})]);
  await eventually(async () => (await streams()) === 1, "both are told over one stream");
  one.close();
  one.close();
  await other.put("/one/a", "1");
  await other.put("/other/a", "1");
  await second.untilIs({ "/other/a": "1" });
  assert.equal(first.states.length, 1);
  other.close();
  await eventually(async () => (await streams()) === 0, "the connection is closed");
  const again = borrowEtcdClient(cluster, { lookup });
  assert.equal((await again.range("/other/")).entries.length, 1);
  again.close();
});
