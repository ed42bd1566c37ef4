/** Opens one thread's window on a place of answers. The code of a kind of place is loaded when one is opened. */
import type { CacheHost } from "./cache-host.ts";
import type { CacheParts } from "./cache-parts.ts";
import type { CachePlace } from "./cache-place.ts";
import type { CacheStore } from "./cache-store.ts";

/**
 * Opens a place.
 * @param host what the thread lends to all of them
 * @param parts what the caches of the process share
 * @throws if the place cannot be used at all: a package is missing
 */
export async function openCache(place: CachePlace, host: CacheHost, parts: CacheParts): Promise<CacheStore> {
  switch (place.kind) {
    case "memory": {
      const { openMemoryStore } = await import("./memory/open-memory-store.ts");
      return openMemoryStore(place, host, parts);
    }
    case "redis": {
      const { openRedisCache } = await import("./redis/open-redis-cache.ts");
      return openRedisCache(place, host, parts);
    }
    case "disk": {
      const { openDiskStore } = await import("./disk/open-disk-store.ts");
      return openDiskStore(place, host, parts);
    }
  }
}
