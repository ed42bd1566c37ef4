/**
 * The places of answers as one thread sees them, by name. A window on a place lives through reloads as long as its
 * options stay the same; what is left behind stays open until the exchanges of the configuration before have ended.
 */
import { isDeepStrictEqual } from "node:util";
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";
import { type CacheParts, closeCacheParts, openCacheParts } from "./cache-parts.ts";
import type { CachePlace } from "./cache-place.ts";
import type { CacheStore } from "./cache-store.ts";
import type { CacheHost } from "./cache-host.ts";
import { openCache } from "./open-cache.ts";

interface OpenCache {
  readonly place: CachePlace;
  readonly store: CacheStore;
}

/** What a configuration needs for its caches. */
export interface PreparedCaches {
  /** The places that caches keep answers in, by name. */
  readonly stores: ReadonlyMap<string, CacheStore>;
  /** What all caches share; null if there are none. */
  readonly parts: CacheParts | null;
}

/** Opens places when a configuration first uses them, and closes those that none uses any more. */
export class Caches {
  readonly #host: CacheHost;
  readonly #scheduler: Scheduler;
  readonly #openOne: typeof openCache;
  /** Left behind, each with the call that will close it. */
  readonly #leaving = new Map<OpenCache, ScheduledCall>();
  #parts: CacheParts | null = null;
  #open = new Map<string, OpenCache>();
  #prepared: Map<string, OpenCache> | null = null;

  constructor(host: CacheHost, scheduler: Scheduler, openOne: typeof openCache = openCache) {
    this.#host = host;
    this.#scheduler = scheduler;
    this.#openOne = openOne;
  }

  /**
   * Opens `places` beside what is open. `commit` or `abort` follows. @throws if one cannot be opened; then nothing of
   * it is left
   */
  async prepare(places: readonly CachePlace[]): Promise<PreparedCaches> {
    if (places.length > 0) this.#parts ??= openCacheParts(this.#host);
    const parts = places.length > 0 ? this.#parts : null;
    const prepared = new Map<string, OpenCache>();
    this.#prepared = prepared;
    try {
      for (const place of places) {
        const known = this.#open.get(place.name);
        prepared.set(
          place.name,
          known !== undefined && isDeepStrictEqual(known.place, place)
            ? known
            : { place, store: await this.#openOne(place, this.#host, parts!) },
        );
      }
    } catch (error) {
      this.abort();
      throw error;
    }
    return { parts, stores: new Map([...prepared].map(([name, { store }]) => [name, store])) };
  }

  /** @param graceMs how long exchanges under way may go on with what is left behind */
  commit(graceMs: number): void {
    if (this.#prepared === null) return;
    const kept = new Set(this.#prepared.values());
    for (const cache of this.#open.values()) if (!kept.has(cache)) this.#leave(cache, graceMs);
    this.#open = this.#prepared;
    this.#prepared = null;
  }

  abort(): void {
    const open = new Set(this.#open.values());
    for (const cache of this.#prepared?.values() ?? []) if (!open.has(cache)) cache.store.close();
    this.#prepared = null;
  }

  close(): void {
    this.abort();
    for (const [{ store }, call] of this.#leaving) {
      call.cancel();
      store.close();
    }
    this.#leaving.clear();
    for (const { store } of this.#open.values()) store.close();
    this.#open.clear();
    if (this.#parts !== null) closeCacheParts(this.#parts);
  }

  #leave(cache: OpenCache, graceMs: number): void {
    const call = this.#scheduler.after(graceMs, () => {
      this.#leaving.delete(cache);
      cache.store.close();
    });
    this.#leaving.set(cache, call);
  }
}
