import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { closeCacheParts, openCacheParts } from "../cache/cache-parts.ts";
import { type CacheUse, placesOf } from "../cache/cache-place.ts";
import { reserveCaches } from "../cache/reserve-caches.ts";
import { findCacheUses } from "./cache-uses.ts";
import type { MiddlewareKind } from "./kind.ts";

const keeping = { key: "keep", cacheUse: (options: CacheUse) => options } as unknown as MiddlewareKind;
const other = { key: "other" } as unknown as MiddlewareKind;
const use: CacheUse = { store: "memory", maxBytes: 2_000_000, maxObjectBytes: 1_000 };

test("what keeps answers says where, and the control thread makes the memory of it", () => {
  const routes = [{ middlewares: [{ other: {} }, { keep: use }] }, { middlewares: [{ keep: use }] }];
  const uses = findCacheUses(routes, [other, keeping]);
  assert.deepEqual(uses, [use, use]);
  const memory = new SharedMemory();
  const regions = reserveCaches(placesOf(uses, {}), { memory, stripes: 2 });
  assert.deepEqual(memory.keys.toSorted(), regions.map(({ key }) => key).toSorted());
  const onInternalError = assert.ifError;
  const host = { memory, stripeIndex: 0, stripes: 2, wheel: new TimerWheel(), onInternalError };
  closeCacheParts(openCacheParts(host));
  assert.equal(memory.keys.length, regions.length, "all that threads open was reserved");
});

test("without a cache nothing is made", () => {
  assert.deepEqual(findCacheUses([{ middlewares: [{ other: {} }] }], [other, keeping]), []);
  const memory = new SharedMemory();
  assert.deepEqual(reserveCaches([], { memory, stripes: 2 }), []);
  assert.deepEqual(memory.keys, []);
});
