/** Opens one thread's window on a place of answers. The code of a kind of place is loaded when one is opened. */
import type { SharedMemory } from "../base/shared-memory.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { ServerNames } from "../store/redis-connection.ts";
import type { CacheParts } from "./cache-parts.ts";
import type { CachePlace } from "./cache-place.ts";
import type { CacheStore } from "./cache-store.ts";

/** What a thread lends to its windows on places of answers. */
export interface CacheHost {
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly wheel: TimerWheel;
  readonly metrics: MetricWriter;
  readonly logger: Logger;
  readonly warnings: WarningSink;
  /** How the names of servers are resolved. */
  readonly names: ServerNames;
  /** Takes exceptions that are bugs of ours. */
  readonly onInternalError: (error: unknown) => void;
}

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
    case "disk":
    case "redis": {
      const { ThreadStore } = await import("./thread-store.ts");
      return new ThreadStore(place.maxObjectBytes);
    }
  }
}
