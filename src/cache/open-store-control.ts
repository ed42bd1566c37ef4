/** Opens the control thread's part of a place of answers. The code of a kind of place is loaded when one is opened. */
import type { CachePlace } from "./cache-place.ts";
import type { StoreControl, StoreControlHost } from "./store-control.ts";

/**
 * Called after the regions of the place were reserved, and before a thread opens its window.
 * @throws if the place cannot be used at all
 */
export async function openStoreControl(place: CachePlace, host: StoreControlHost): Promise<StoreControl> {
  switch (place.kind) {
    case "redis": {
      const { openRedisControl } = await import("./redis/redis-control.ts");
      return openRedisControl(place, host);
    }
    case "disk": {
      const { openDiskControl } = await import("./disk/open-disk-control.ts");
      return openDiskControl(place, host);
    }
    case "memory": {
      const { openMemoryControl } = await import("./memory/open-memory-control.ts");
      return openMemoryControl(place, host);
    }
  }
}
