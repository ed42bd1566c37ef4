import assert from "node:assert/strict";
import { test } from "node:test";
import { collectCacheStores } from "./cache-metrics.ts";

test("what is counted of each store is told, what nobody counts is not", () => {
  const told: [string, readonly string[], number][] = [];
  collectCacheStores(() => [
    { name: "memory", objects: 3, bytes: 4_096, evictions: 2 },
    { name: "shared", objects: null, bytes: null },
  ])((family, labels, value) => void told.push([family.name, labels, value]));
  assert.deepEqual(told, [
    ["millrace_cache_stored_answers", ["memory"], 3],
    ["millrace_cache_stored_bytes", ["memory"], 4_096],
    ["millrace_cache_evictions_total", ["memory"], 2],
  ]);
});
