/**
 * Where the caches of a configuration keep their answers: what each cache says, put together to one place for each name.
 * The memory of the process is one place, whoever names it.
 */
import type { DiskStoreOptions, RedisOptions, StoresOptions } from "../store/options.ts";

/** What one cache says of the place of its answers. */
export interface CacheUse {
  /** "memory", or the name of one of `stores`. */
  readonly store: string;
  /** How much of the memory of the process it may take; of no meaning for other stores. */
  readonly maxBytes: number;
  /** The largest body that it keeps, in bytes. */
  readonly maxObjectBytes: number;
  /** A URL without what makes no difference in its keys; null or absent: everything does. */
  readonly filterUrl?: ((url: string) => string) | null;
}

/** Where answers are kept, by name. */
export type CachePlace = { readonly name: string; readonly maxObjectBytes: number } & (
  | { readonly kind: "memory"; readonly maxBytes: number }
  | { readonly kind: "disk"; readonly options: DiskStoreOptions }
  | { readonly kind: "redis"; readonly options: RedisOptions }
);

/**
 * The places that caches use, each once: the memory of the process is as large as the largest that one of them asks
 * for, and a place takes bodies as large as the largest that one of them keeps.
 * @throws Error if one names a store that is none or cannot hold answers; the schema has refused that
 */
export function placesOf(uses: readonly CacheUse[], stores: StoresOptions): CachePlace[] {
  const byName = new Map<string, CacheUse>();
  for (const use of uses) {
    const before = byName.get(use.store);
    byName.set(use.store, before === undefined ? use : larger(before, use));
  }
  return [...byName.values()].map((use) => placeOf(use, stores));
}

function larger(one: CacheUse, other: CacheUse): CacheUse {
  return {
    store: one.store,
    maxBytes: Math.max(one.maxBytes, other.maxBytes),
    maxObjectBytes: Math.max(one.maxObjectBytes, other.maxObjectBytes),
  };
}

function placeOf({ store: name, maxBytes, maxObjectBytes }: CacheUse, stores: StoresOptions): CachePlace {
  if (name === "memory") return { name, kind: "memory", maxBytes, maxObjectBytes };
  const { memory = null, disk = null, redis = null } = stores[name] ?? {};
  if (memory !== null) return { name, kind: "memory", maxBytes: memory.maxBytes, maxObjectBytes };
  if (disk !== null) return { name, kind: "disk", options: disk, maxObjectBytes };
  if (redis !== null)
    return { name, kind: "redis", options: redis, maxObjectBytes: Math.min(maxObjectBytes, redis.maxObjectBytes) };
  throw new Error(`no answers can be kept in the store "${name}"`);
}

/** Why answers cannot be kept in an entry of `stores`, as it is written: a sentence; null if they can. */
export function refuseCacheStore(store: unknown): string | null {
  const kind = ["etcd", "consul"].find((key) => Object.hasOwn(Object(store), key));
  return kind === undefined
    ? null
    : `answers cannot be cached in ${kind === "etcd" ? "etcd" : "Consul"}: each would be a write that a majority of its servers has to agree on, and they hold little; cache in memory, on a disk, or in Redis`;
}
