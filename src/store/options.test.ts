import assert from "node:assert/strict";
import { test } from "node:test";
import { storesSchema } from "./options.ts";

test("a store is in one place: Redis, memory, a disk, etcd or Consul", () => {
  const stores = storesSchema.parse({
    one: { redis: "redis://127.0.0.1:6379" },
    two: { etcd: { urls: ["http://127.0.0.1:2379/"] } },
    three: { consul: {} },
    four: { memory: {} },
    five: { disk: { path: "/var/cache/millrace" } },
  });
  assert.deepEqual(stores["one"]?.redis, {
    url: "redis://127.0.0.1:6379",
    timeout: 20,
    prefix: "millrace:",
    maxObjectBytes: 1_048_576,
  });
  assert.deepEqual(stores["four"]?.memory, { maxBytes: 268_435_456 });
  assert.deepEqual(stores["five"]?.disk, { path: "/var/cache/millrace", maxBytes: 10_737_418_240 });
  assert.deepEqual([stores["one"]?.etcd, stores["one"]?.consul], [null, null]);
  assert.equal(stores["two"]?.etcd?.prefix, "/millrace/");
  assert.equal(stores["three"]?.consul?.url, "http://127.0.0.1:8500");
  assert.equal(stores["three"]?.consul?.prefix, "millrace/");
});

test("what is no store is refused, and no secret is shown", () => {
  const cases: [object, RegExp][] = [
    [{}, /a store is one of `redis`, `memory`, `disk`, `etcd` and `consul`/],
    [{ disk: {} }, /path/],
    [{ disk: { path: "a", maxBytes: "1MiB" } }, /too small/],
    [{ memory: {}, disk: { path: "a" } }, /this has memory and disk/],
    [{ redis: "redis://a", consul: {} }, /this has redis and consul/],
    [{ consul: { url: "http://secret@agent:8500" } }, /write the token as `token`/],
    [{ etcd: { urls: ["http://root:secret@10.0.0.1:2379"] } }, /no user name or password/],
    [{ etcd: { urls: [] } }, /etcd/],
    [{ etcd: { urls: ["http://10.0.0.1:2379"], password: "secret" } }, /the password has no user/],
    [{ consul: { prefix: "" } }, /prefix/],
  ];
  for (const [store, reason] of cases) {
    const { error } = storesSchema.safeParse({ shared: store });
    assert.match(String(error?.message), reason);
    assert.doesNotMatch(String(error?.message), /secret/);
  }
});

test("a folder has one store", () => {
  const folders = (one: string, two: string): string =>
    String(storesSchema.safeParse({ one: { disk: { path: one } }, two: { disk: { path: two } } }).error?.message ?? "");
  assert.match(folders("/a/b", "/a/./b/"), /the store \\"one\\" has this folder already/);
  assert.equal(folders("/a/b", "/a/c"), "");
});
