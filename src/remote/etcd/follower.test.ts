/** Following keys of a real etcd of one member. What needs a cluster is in `etcd-cluster.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdCommand } from "../../../test/support/etcd-server.ts";
import { eventually } from "../../../test/support/signal.ts";
import { askEtcd, enableLogin, Listener, openClient, startCluster } from "./testing/etcd-under-test.ts";

const skip = etcdCommand === null ? "etcd is not installed" : false;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("what is written, changed and removed is told; nothing else is", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  await client.put("/api/a", "1");
  const listener = Listener.follow(client, "/api/");
  await listener.untilIs({ "/api/a": "1" });
  await client.put("/api/b", "1");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1" });
  await client.put("/apj", "1");
  await client.put("/api/b", "2");
  await listener.untilIs({ "/api/a": "1", "/api/b": "2" });
  await client.remove("/api/a");
  await listener.untilIs({ "/api/b": "2" });
  assert.equal(listener.states.length, 4);
  assert.deepEqual(listener.failures, []);
});

test("what one transaction writes is told at once", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  await client.put("/api/old", "1");
  const listener = Listener.follow(client, "/api/");
  await listener.untilIs({ "/api/old": "1" });
  const put = (name: string): object => ({ request_put: { key: base64(`/api/${name}`), value: base64("1") } });
  const names = Array.from({ length: 50 }, (_, at) => `new${at}`);
  await askEtcd(server!.url, "kv/txn", {
    success: [{ request_delete_range: { key: base64("/api/old") } }, ...names.map(put)],
  });
  await listener.untilIs(Object.fromEntries(names.map((name) => [`/api/${name}`, "1"])));
  assert.equal(listener.states.length, 2);
});

test("one key is followed, and is not there at first", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const listener = new Listener();
  client.follow("/key", listener, { isKey: true });
  await listener.untilIs({});
  await client.put("/key2", "1");
  await client.put("/key", "1");
  await listener.untilIs({ "/key": "1" });
});

test("a hundred who follow share one connection, and miss nothing when others come and go", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const steady = Listener.follow(client, "/steady/");
  await steady.untilIs({});
  const expected: Record<string, string> = {};
  const others: { listener: Listener; close(): void }[] = [];
  for (let at = 0; at < 100; at++) {
    const listener = new Listener();
    others.push({ listener, close: client.follow(`/other/${at}/`, listener).close });
    expected[`/steady/${at}`] = "1";
    await client.put(`/steady/${at}`, "1");
    if (at % 10 === 9) others[at - 5]!.close();
  }
  await steady.untilIs(expected);
  await others[99]!.listener.untilIs({});
  await client.put("/other/99/a", "1");
  await client.put("/other/94/a", "1");
  await others[99]!.listener.untilIs({ "/other/99/a": "1" });
  assert.equal(await metric(server!.url, "etcd_debugging_mvcc_watch_stream_total"), 1);
  assert.equal(others[94]!.listener.now["/other/94/a"], undefined);
});

test("of a thousand who follow, none is left out of the stream", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const listeners = Array.from({ length: 1_000 }, (_, at) => Listener.follow(client, `/many/${at}/`));
  for (const listener of listeners) await listener.untilIs({});
  await eventually(
    async () => (await metric(server!.url, "etcd_debugging_mvcc_watcher_total")) === 1_000,
    "the server watches for all",
  );
  for (const at of [0, 500, 999]) {
    await client.put(`/many/${at}/a`, "1");
    await listeners[at]!.untilIs({ [`/many/${at}/a`]: "1" });
  }
  assert.deepEqual(
    listeners.flatMap(({ failures }) => failures),
    [],
  );
});

test("after a compaction it is listed again, and what went meanwhile is gone", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  await client.put("/api/a", "1");
  await client.put("/api/b", "1");
  const listener = Listener.follow(client, "/api/");
  await listener.untilIs({ "/api/a": "1", "/api/b": "1" });
  await listener.until(() => listener.aliveCount > 0, "the watch is there");
  // While nobody follows over a stream, everything changes and is compacted.
  server!.freeze();
  await server!.kill();
  const apart = openClient(t, [server!.url]);
  const restarted = server!.restart();
  await apart.remove("/api/a");
  await apart.put("/api/c", "1");
  for (let at = 0; at < 20; at++) await apart.put("/elsewhere", String(at));
  const { revision } = await apart.range("/api/");
  await askEtcd(server!.url, "kv/compaction", { revision, physical: true });
  await restarted;
  await listener.untilIs({ "/api/b": "1", "/api/c": "1" });
});

test("a watch that begins before a compaction is listed again", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const [first, second] = [Listener.follow(client, "/api/"), Listener.follow(client, "/busy/")];
  await first.untilIs({});
  for (let at = 0; at < 20; at++) await client.put("/busy/key", String(at));
  await second.untilIs({ "/busy/key": "19" });
  const { revision } = await client.range("/busy/");
  await askEtcd(server!.url, "kv/compaction", { revision, physical: true });
  // Somebody who comes makes the stream a new one: the quiet range would go on at a revision that is gone.
  const third = Listener.follow(client, "/third/");
  await third.untilIs({});
  await client.put("/api/a", "1");
  await first.untilIs({ "/api/a": "1" });
  await client.put("/third/a", "1");
  await third.untilIs({ "/third/a": "1" });
  assert.deepEqual([...first.failures, ...second.failures, ...third.failures], []);
});

test("a cluster that has lost everything is believed, and followed on", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  for (let at = 0; at < 30; at++) await client.put("/api/a", String(at));
  const listener = Listener.follow(client, "/api/");
  await listener.untilIs({ "/api/a": "29" });
  await server!.restart({ isEmpty: true });
  await listener.untilIs({});
  await client.put("/api/b", "1");
  await listener.untilIs({ "/api/b": "1" });
});

test("a service that answers with nonsense or closes at once is not asked in a loop, and is said", async (t) => {
  const { createServer } = await import("node:http");
  const answers = [
    '{"result":{"header":{"revision":"5"},"created":true}}', // and closes
    '{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}}',
    "]",
    "{",
    "null",
  ];
  let watches = 0;
  let lists = 0;
  const server = createServer((request, answer) => {
    request.resume();
    if (request.url === "/v3/watch") answer.end(answers[watches++ % answers.length]);
    else if (request.url === "/v3/kv/range" && lists++ === 0)
      answer.end(
        '{"header":{"revision":"5","cluster_id":"1"},"kvs":[{"key":"L2FwaS9h","mod_revision":"3","value":"MQ=="}]}',
      );
    else answer.end('{"header":{"revision":"5","cluster_id":"1"}}');
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const listener = Listener.follow(openClient(t, [`http://127.0.0.1:${port}`]), "/api/");
  await listener.untilIs({ "/api/a": "1" });
  const began = performance.now();
  await listener.until(() => listener.failures.length >= 4, "it is said");
  assert.ok(watches < 20 + (performance.now() - began) / 20, `${watches} watches`);
});

test("who may not read what is followed is told so; who may goes on", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  await enableLogin(server!.url);
  const root = openClient(t, [server!.url], { login: { user: "root", password: "secret" } });
  const reader = openClient(t, [server!.url], { login: { user: "reader", password: "reader" } });
  const [allowed, forbidden] = [Listener.follow(reader, "/api/"), Listener.follow(reader, "/secret/")];
  await allowed.untilIs({});
  await forbidden.until(() => forbidden.failures.length > 0, "it is said");
  assert.match(forbidden.failures[0]!, /permission denied/);
  await root.put("/api/a", "1");
  await allowed.untilIs({ "/api/a": "1" });
  // Tokens are forgotten, and nobody has to be told.
  await server!.restart();
  await root.put("/api/a", "2");
  await allowed.untilIs({ "/api/a": "2" });
  assert.ok(
    allowed.failures.every((reason) => !reason.includes("token")),
    allowed.failures.join(),
  );
  assert.deepEqual(forbidden.states, []);
});

test("after close nothing is told and no connection is left", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const listener = Listener.follow(client, "/api/");
  await listener.untilIs({});
  await listener.until(() => listener.aliveCount > 0, "the watch is there");
  client.close();
  const told = listener.states.length + listener.failures.length;
  const other = openClient(t, [server!.url]);
  await other.put("/api/a", "1");
  await other.range("/api/");
  assert.equal(listener.states.length + listener.failures.length, told);
});

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1] ?? -1);
}
