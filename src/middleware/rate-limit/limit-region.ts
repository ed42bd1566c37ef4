/** Where the counts of a limit lie in shared memory. */
import type { SharedMemory, SharedRegion } from "../../base/shared-memory.ts";
import { BucketTable } from "./bucket-table.ts";
import type { RateLimitOptions } from "./options.ts";

/** How a limit is called if it has no name of its own: as its route, and by number if a route has several. */
export function limitName(routeName: string, ordinal: number, { name }: RateLimitOptions): string {
  return name ?? (ordinal === 0 ? routeName : `${routeName}:${ordinal + 1}`);
}

/** The key of a limit's region; the size is part of it, for a key names one layout. */
export function rateLimitRegionKey(name: string, options: RateLimitOptions): string {
  return `rate-limit:${bucketCount(options)}:${name}`;
}

/** Makes a limit's region, or finds it: to be called in the control thread before the proxy threads look for it. */
export function reserveRateLimit(memory: SharedMemory, name: string, options: RateLimitOptions): SharedRegion {
  return BucketTable.reserve(memory, rateLimitRegionKey(name, options), bucketCount(options));
}

/** One key needs no large table. */
export function bucketCount({ key, maxKeys }: RateLimitOptions): number {
  return key === "route" || key === "listener" ? 64 : maxKeys;
}
