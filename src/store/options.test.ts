import assert from "node:assert/strict";
import { test } from "node:test";
import { storesSchema } from "./options.ts";

test("a store is in one place: Redis, etcd or Consul", () => {
  const stores = storesSchema.parse({
    one: { redis: "redis://127.0.0.1:6379" },
    two: { etcd: { urls: ["http://127.0.0.1:2379/"] } },
    three: { consul: {} },
  });
  assert.equal(stores["one"]?.redis?.prefix, "millrace:");
  assert.deepEqual([stores["one"]?.etcd, stores["one"]?.consul], [null, null]);
  assert.equal(stores["two"]?.etcd?.prefix, "/millrace/");
  assert.equal(stores["three"]?.consul?.url, "http://127.0.0.1:8500");
  assert.equal(stores["three"]?.consul?.prefix, "millrace/");
});

test("what is no store is refused, and no secret is shown", () => {
  const cases: [object, RegExp][] = [
    [{}, /a store is one of `redis`, `etcd` and `consul`/],
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
