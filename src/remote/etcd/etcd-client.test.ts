import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdCommand } from "../../../test/support/etcd-server.ts";
import { authority, certificateFiles, rootFile } from "../../../test/support/tls-files.ts";
import { RemoteError } from "../http-client.ts";
import { EtcdError, etcdCodes } from "./etcd.ts";
import { askEtcd, enableLogin, Listener, openClient, startCluster } from "./testing/etcd-under-test.ts";

const skip = etcdCommand === null ? "etcd is not installed" : false;

test("keys are written, listed by prefix or alone, and removed", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  await client.put("/api/a", "one");
  await client.put("/api/é", "zwei");
  await client.put("/apj", "not of it");
  const { entries, revision } = await client.range("/api/");
  assert.deepEqual(
    entries.map(({ key, value }) => [key, value]),
    [
      ["/api/a", "one"],
      ["/api/é", "zwei"],
    ],
  );
  assert.equal(revision, "4");
  assert.deepEqual(
    (await client.range("/api/a", { isKey: true })).entries.map(({ value, lease }) => [value, lease]),
    [["one", "0"]],
  );
  assert.equal((await client.range("")).entries.length, 3);
  await client.remove("/api/a");
  await client.remove("/api/a");
  assert.deepEqual((await client.range("/api/a", { isKey: true })).entries, []);
});

test("a list of thousands of keys is of one revision, and too large answers are asked for in parts", {
  skip,
}, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  for (let at = 0; at < 2_100; at += 100) await putMany(server!.url, at, 100, "value");
  const listing = client.range("/many/");
  await client.put("/many/0000", "later");
  assert.equal((await listing).entries.length, 2_100);
  // Twelve values of a megabyte do not fit into one answer.
  for (let at = 0; at < 12; at++) await client.put(`/large/${at}`, "x".repeat(1 << 20));
  assert.equal((await client.range("/large/")).entries.length, 12);
  // Too much is too much.
  for (let at = 12; at < 33; at++) await client.put(`/large/${at}`, "x".repeat(1 << 20));
  await assert.rejects(client.range("/large/"), /more than 33554432 bytes/);
});

test("a conditional write is done once, and says whether it was", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  assert.equal(await client.putIf("/key", "one", { modRevision: "0" }), true);
  assert.equal(await client.putIf("/key", "two", { modRevision: "0" }), false);
  const [entry] = (await client.range("/key", { isKey: true })).entries;
  assert.equal(await client.putIf("/key", "two", { modRevision: entry!.modRevision }), true);
  // As if the answer had been lost and it was asked again.
  assert.equal(await client.putIf("/key", "two", { modRevision: entry!.modRevision }), true);
  assert.equal(await client.putIf("/key", "three", { modRevision: entry!.modRevision }), false);
});

test("keys go with their lease", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const lease = await client.grant(30);
  await client.put("/key", "value", { lease });
  assert.equal((await client.range("/key", { isKey: true })).entries[0]!.lease, lease);
  assert.equal(await client.keepAlive(lease), 30);
  await client.revoke(lease);
  await client.revoke(lease);
  assert.deepEqual((await client.range("/key", { isKey: true })).entries, []);
  assert.equal(await client.keepAlive(lease), 0);
  await assert.rejects(
    client.put("/key", "value", { lease }),
    (error) => error instanceof EtcdError && error.code === etcdCodes.notFound,
  );
});

test("who has logged in is let in again after the member has forgotten the token", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  await enableLogin(server!.url);
  const client = openClient(t, [server!.url], { login: { user: "root", password: "secret" } });
  await client.put("/api/a", "one");
  await server!.restart();
  await Promise.all([client.put("/api/a", "two"), client.put("/api/b", "two"), client.range("/api/")]);
  const reader = openClient(t, [server!.url], { login: { user: "reader", password: "reader" } });
  assert.equal((await reader.range("/api/")).entries.length, 2);
  await assert.rejects(reader.range("/other/"), /permission denied/);
  const stranger = openClient(t, [server!.url], { login: { user: "root", password: "very-secret" } });
  await assert.rejects(stranger.range("/api/"), (error: Error) => {
    assert.match(error.message, /authentication failed/);
    assert.doesNotMatch(error.message, /very-secret/);
    return true;
  });
  await assert.rejects(openClient(t, [server!.url]).range("/api/"), /user name is empty/);
});

test("a login where none is wanted is left out, until it is wanted", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url], { login: { user: "root", password: "secret" } });
  await client.put("/api/a", "one");
  await enableLogin(server!.url);
  await client.put("/api/a", "two");
});

test("whatever goes wrong with what is told is a failure of that one, who is told again", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const client = openClient(t, [server!.url]);
  const [one, other] = [Listener.follow(client, "/one/"), Listener.follow(client, "/other/")];
  await Promise.all([one.untilIs({}), other.untilIs({})]);
  const { mock } = t.mock.method(one, "onEntries", () => {
    throw new Error("out of order");
  });
  await client.put("/one/a", "1");
  await client.put("/other/a", "1");
  await one.until(() => one.failures.length > 0, "it is said");
  mock.restore();
  await Promise.all([one.untilIs({ "/one/a": "1" }), other.untilIs({ "/other/a": "1" })]);
  assert.equal(one.failures[0], "out of order");
  assert.deepEqual(other.failures, []);
});

test("certificates are asked for and shown", { skip }, async (t) => {
  const files = await certificateFiles({ names: ["localhost"], ips: ["127.0.0.1"] });
  const [server] = await startCluster(t, 1, { tls: { ...files, ca: rootFile } });
  const { cert, key } = await authority.issue({ names: ["client.test"] });
  const tls = { ca: authority.root, cert, key, serverName: null, verify: true };
  const client = openClient(t, [server!.url], { tls });
  await client.put("/api/a", "one");
  assert.equal((await client.range("/api/")).entries.length, 1);
  await assert.rejects(
    openClient(t, [server!.url], { tls: { ...tls, cert: null, key: null } }).range("/api/"),
    RemoteError,
  );
  await assert.rejects(openClient(t, [server!.url], { tls: { ...tls, ca: null } }).range("/api/"), /certificate/);
});

test("a member that is not there, or is not etcd, is passed over", { skip }, async (t) => {
  const [server] = await startCluster(t, 1);
  const { createServer } = await import("node:http");
  const other = createServer((_request, answer) => answer.end("<html>")).listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const client = openClient(t, ["http://127.0.0.1:1", `http://127.0.0.1:${port}/`, server!.url]);
  await client.put("/api/a", "one");
  const lost = openClient(t, [`http://127.0.0.1:${port}/`]);
  await assert.rejects(lost.put("/api/a", "one"), /an answer that is not etcd's/);
});

async function putMany(url: string, from: number, count: number, value: string): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const success = Array.from({ length: count }, (_, at) => ({
    request_put: { key: base64(`/many/${String(from + at).padStart(4, "0")}`), value: base64(value) },
  }));
  await askEtcd(url, "kv/txn", { success });
}
