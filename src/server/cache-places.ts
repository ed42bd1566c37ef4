/** Where the caches of a configuration keep their answers. */
import { type CachePlace, placesOf } from "../cache/cache-place.ts";
import type { Config } from "../config/schema.ts";
import { findCacheUses } from "../middleware/cache-uses.ts";

/** Each place once, with the largest of what the caches say of it. */
export function cachePlacesOf({ routes, stores }: Pick<Config, "routes" | "stores">): CachePlace[] {
  return placesOf(findCacheUses(routes), stores);
}
