import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreUrl, parseStorePlace, type StorePlace } from "./store-place.ts";

const parse = (text: string, environment: Record<string, string> = {}): StorePlace =>
  parseStorePlace(text, environment);

test("the URL of a store is told from the name of a file", () => {
  for (const text of ["etcd://a/b", "ETCD://a/b", "etcds://a/b", "consul://a/b", "consuls://a/b"])
    assert.ok(isStoreUrl(text), text);
  for (const text of ["millrace.yaml", "etcd.yaml", "./etcd://a", "http://a/b", "etcd:/a"])
    assert.ok(!isStoreUrl(text), text);
});

test("members, key and TLS are read", () => {
  const table: readonly [string, Pick<StorePlace, "urls" | "key" | "name">][] = [
    [
      "etcd://127.0.0.1:2379/millrace/config",
      {
        urls: ["http://127.0.0.1:2379"],
        key: "/millrace/config",
        name: "etcd://127.0.0.1:2379/millrace/config",
      },
    ],
    [
      "etcd://a,b:1,[::1]:2/k",
      { urls: ["http://a:2379", "http://b:1", "http://[::1]:2"], key: "/k", name: "etcd://a:2379,b:1,[::1]:2/k" },
    ],
    ["etcds://a/k", { urls: ["https://a:2379"], key: "/k", name: "etcds://a:2379/k" }],
    ["etcd://a/k?ca=ca.pem", { urls: ["https://a:2379"], key: "/k", name: "etcds://a:2379/k" }],
    [
      "consul://a/millrace/config",
      { urls: ["http://a:8500"], key: "millrace/config", name: "consul://a:8500/millrace/config" },
    ],
    ["consuls://a:8501/a%20b", { urls: ["https://a:8501"], key: "a b", name: "consuls://a:8501/a%20b" }],
  ];
  for (const [text, expected] of table) {
    const { urls, key, name } = parse(text);
    assert.deepEqual({ urls, key, name }, expected, text);
  }
  const mutual = parse("etcd://a/k?ca=ca.pem&cert=me.pem&key=me.key");
  assert.deepEqual([mutual.ca, mutual.cert, mutual.keyFile], ["ca.pem", "me.pem", "me.key"]);
  assert.equal(parse("consul://a/k?dc=west").datacentre, "west");
});

test("who logs in stands in the URL or in the environment, and never in the name", () => {
  const inUrl = parse("etcd://root:p%40ss:w@rd@a/k");
  assert.deepEqual(inUrl.login, { user: "root", password: "p@ss:w@rd" });
  assert.equal(inUrl.name, "etcd://a:2379/k");
  assert.deepEqual(parse("etcd://a/k", { ETCDCTL_USER: "root:p:w%" }).login, { user: "root", password: "p:w%" });
  assert.deepEqual(parse("etcd://a/k", { ETCDCTL_USER: "root", ETCDCTL_PASSWORD: "pw" }).login, {
    user: "root",
    password: "pw",
  });
  assert.deepEqual(parse("etcd://me@a/k", { ETCDCTL_USER: "root:pw", ETCDCTL_PASSWORD: "of-me" }).login, {
    user: "me",
    password: "of-me",
  });
  assert.equal(parse("etcd://a/k").login, null);
  const consul = parse("consul://7a2b@a/k", { CONSUL_HTTP_TOKEN: "other" });
  assert.equal(consul.token, "7a2b");
  assert.equal(consul.name, "consul://a:8500/k");
  assert.equal(parse("consul://a/k", { CONSUL_HTTP_TOKEN: "other" }).token, "other");
});

test("what is no place is refused with a sentence that tells no secret", () => {
  const table: readonly [string, RegExp][] = [
    ["etcd://", /"" is not host:port/],
    ["etcd://a", /key is missing/],
    ["etcd://a/", /key is missing/],
    ["etcd://a/k/", /key is missing/],
    ["etcd://a:0/k", /"a:0" is not host:port/],
    ["etcd://a:99999/k", /is not host:port/],
    ["etcd://a,,b/k", /"a,,b" is not host:port/],
    ["etcd://root:hunter2@a b/k", /follows the "@" is not host:port/],
    ["etcd://root:hunter/2@a/k", /follows the "@" is not host:port/],
    ["etcd://root:hunter%@a/k", /"%" before/],
    ["etcd://a/k%", /"%" in a key/],
    ["etcd://a/k#x", /"#"/],
    ["etcd://a/k?token=hunter2", /"token" is not known/],
    ["etcd://a/k?cert=a.pem", /belong together/],
    ["etcd://a/k?ca=", /is empty/],
    ["etcd://a/a%00b", /control/],
    ["consul://a,b/k", /one agent/],
    ["consul://a/k/../x", /"\."/],
    ["consul://hunter%202@a/k", /characters that no token has/],
    [`etcd://a/${"k".repeat(600)}`, /longer than/],
  ];
  for (const [text, sentence] of table)
    assert.throws(
      () => parse(text),
      (error: unknown) => {
        assert.ok(error instanceof RangeError, text);
        assert.match(error.message, sentence, text);
        assert.doesNotMatch(error.message, /hunter/);
        return true;
      },
      text,
    );
});
