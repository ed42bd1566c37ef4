/** Where the caches of a configuration keep their answers. */
import { type CachePlace, placesOf } from "../cache/cache-place.ts";
import type { Config } from "../config/schema.ts";
import { findCacheUses } from "../middleware/cache-uses.ts";

/**
 * Gives the URLs under which caches may have stored what clients ask for by a URL: as it is, and without the parameters
 * that the keys of a cache leave out.
 */
export function storedUrlsOf({ routes }: Pick<Config, "routes">): (url: string) => string[] {
  const filters = findCacheUses(routes).flatMap(({ filterUrl }) => filterUrl ?? []);
  return (url) => [...new Set([url, ...filters.map((filter) => filter(url))])];
}

/** Each place once, with the largest of what the caches say of it. */
export function cachePlacesOf({ routes, stores }: Pick<Config, "routes" | "stores">): CachePlace[] {
  return placesOf(findCacheUses(routes), stores);
}
