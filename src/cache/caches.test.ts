import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import type { CachePlace } from "./cache-place.ts";
import { Caches } from "./caches.ts";
import type { CacheHost } from "./cache-host.ts";
import { ThreadStore } from "./testing/thread-store.ts";

const memoryOf = (maxBytes: number, name = "memory"): CachePlace => ({
  name,
  kind: "memory",
  maxBytes,
  maxObjectBytes: 1_000,
});

/** Caches whose places are told of when they are opened and closed. @param broken names that cannot be opened */
function createCaches(broken: readonly string[] = []) {
  const scheduler = new ManualScheduler();
  const told: string[] = [];
  let opened = 0;
  const host = { memory: new SharedMemory(), stripeIndex: 0, stripes: 1, wheel: new TimerWheel() } as CacheHost;
  const caches = new Caches(host, scheduler, async ({ name }) => {
    if (broken.includes(name)) throw new Error(`${name} is broken`);
    const id = `${name} ${++opened}`;
    told.push(`open ${id}`);
    const store = new ThreadStore(1_000);
    store.close = () => told.push(`close ${id}`);
    return store;
  });
  return { caches, scheduler, told };
}

test("a place lives through reloads as long as its options stay the same", async () => {
  const { caches, told, scheduler } = createCaches();
  const first = await caches.prepare([memoryOf(1)]);
  caches.commit(1_000);
  const second = await caches.prepare([memoryOf(1), memoryOf(1, "own")]);
  caches.commit(1_000);
  assert.equal(second.stores.get("memory"), first.stores.get("memory"));
  assert.ok(first.parts !== null && second.parts === first.parts, "purges are those of before");
  assert.deepEqual(told, ["open memory 1", "open own 2"]);
  assert.equal(scheduler.pendingCount, 0);
});

test("what is left behind stays open until the exchanges before may be over", async () => {
  const { caches, told, scheduler } = createCaches();
  await caches.prepare([memoryOf(1)]);
  caches.commit(1_000);
  await caches.prepare([memoryOf(2)]);
  caches.commit(1_000);
  scheduler.advance(999);
  assert.deepEqual(told, ["open memory 1", "open memory 2"]);
  scheduler.advance(1);
  assert.deepEqual(told.slice(2), ["close memory 1"]);
  const { parts } = await caches.prepare([]);
  assert.equal(parts, null);
  caches.commit(1_000);
  caches.close();
  assert.deepEqual(told.slice(3), ["close memory 2"], "the end waits for nothing");
  assert.equal(scheduler.pendingCount, 0);
});

test("of a configuration that does not come to be, nothing is left, and what runs stays", async () => {
  const { caches, told } = createCaches(["broken"]);
  await caches.prepare([memoryOf(1)]);
  caches.commit(1_000);
  await assert.rejects(caches.prepare([memoryOf(1), memoryOf(1, "own"), memoryOf(1, "broken")]), /broken is broken/);
  assert.deepEqual(told, ["open memory 1", "open own 2", "close own 2"]);
  await caches.prepare([memoryOf(3)]);
  caches.abort();
  assert.deepEqual(told.slice(3), ["open memory 3", "close memory 3"]);
});
