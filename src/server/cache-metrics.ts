/** How full the places of stored answers are, as metrics. */
import type { StoreStatus } from "../cache/cache-keeper.ts";
import { families } from "../observe/families.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";

/** Tells of every place that `stores` gives when metrics are read; what nobody counts is left out. */
export function collectCacheStores(
  stores: () => Iterable<Pick<StoreStatus, "name" | "objects" | "bytes" | "evictions">>,
): MetricCollector {
  return (add) => {
    for (const { name, objects, bytes, evictions } of stores()) {
      if (objects !== null) add(families.cacheStoredAnswers, [name], objects);
      if (bytes !== null) add(families.cacheStoredBytes, [name], bytes);
      if (evictions !== undefined) add(families.cacheEvictions, [name], evictions);
    }
  };
}
