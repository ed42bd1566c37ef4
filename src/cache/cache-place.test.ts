import assert from "node:assert/strict";
import { test } from "node:test";
import { storesSchema } from "../store/options.ts";
import { type CacheUse, placesOf, refuseCacheStore } from "./cache-place.ts";

const stores = storesSchema.parse({
  own: { memory: { maxBytes: "2MiB" } },
  disk: { disk: { path: "/var/cache/millrace" } },
  shared: { redis: { url: "redis://127.0.0.1", maxObjectBytes: "64KiB" } },
  cluster: { etcd: { urls: ["http://127.0.0.1:2379"] } },
});

const use = (store: string, parts: Partial<CacheUse> = {}): CacheUse => ({
  store,
  maxBytes: 1_000_000,
  maxObjectBytes: 1_000,
  ...parts,
});

test("all caches in the memory of the process share one place, which is as large as the largest", () => {
  const uses = [use("memory"), use("memory", { maxBytes: 5_000_000 }), use("memory", { maxObjectBytes: 9_000 })];
  assert.deepEqual(placesOf(uses, {}), [
    { name: "memory", kind: "memory", maxBytes: 5_000_000, maxObjectBytes: 9_000 },
  ]);
});

test("each store that a cache names is a place of its kind", () => {
  const places = placesOf([use("own"), use("disk"), use("shared", { maxObjectBytes: 100_000 }), use("disk")], stores);
  assert.deepEqual(
    places.map(({ name, kind, maxObjectBytes }) => [name, kind, maxObjectBytes]),
    [
      ["own", "memory", 1_000],
      ["disk", "disk", 1_000],
      ["shared", "redis", 65_536],
    ],
  );
  assert.equal(places[0]?.kind === "memory" && places[0].maxBytes, 2_097_152);
});

test("what cannot hold answers is refused with the reason", () => {
  assert.throws(() => placesOf([use("cluster")], stores), /no answers can be kept/);
  assert.match(refuseCacheStore({ etcd: {} }) ?? "", /etcd: each would be a write/);
  assert.match(refuseCacheStore({ consul: {} }) ?? "", /Consul/);
  for (const kind of ["memory", "disk", "redis"]) assert.equal(refuseCacheStore({ [kind]: {} }), null);
});
