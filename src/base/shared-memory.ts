/**
 * The table that all threads share: named regions of shared memory.
 * The control thread reserves a region under a key when a configuration is built and hands the directory to the proxy threads; the same key
 * gives the same memory after a reload, which is how counters, health and buckets live on. Regions start as zeros and are never moved.
 */

/** What is posted to a proxy thread: the whole directory. */
export type SharedSnapshot = ReadonlyMap<string, SharedArrayBuffer>;

/** A region that a feature has reserved. */
export interface ReservedRegion {
  readonly key: string;
  /** Takes a dead thread out of what is counted there; null = nothing of a thread's own is. */
  readonly clearStripe: ((stripeIndex: number) => void) | null;
}

/** A directory of shared regions. */
export class SharedMemory {
  #regions: Map<string, SharedArrayBuffer>;

  /** @param snapshot the directory to share; default: an empty one of one's own. */
  constructor(snapshot?: SharedSnapshot) {
    this.#regions = new Map(snapshot);
  }

  /**
   * The region `key`, made (zeroed) where it does not exist yet.
   * @throws RangeError when it exists with another size: a key names one layout.
   */
  region(key: string, byteLength: number): SharedArrayBuffer {
    const existing = this.#regions.get(key);
    if (existing !== undefined) {
      if (existing.byteLength !== byteLength) throw new RangeError(`shared region ${key} has ${existing.byteLength} bytes, not ${byteLength}`);
      return existing;
    }
    const made = new SharedArrayBuffer(byteLength);
    this.#regions.set(key, made);
    return made;
  }

  /**
   * Becomes the directory that a newer snapshot was made of. A key that was forgotten and made again in between names other memory than before; whoever still holds
   * the old region keeps using it.
   */
  adopt(snapshot: SharedSnapshot): void {
    this.#regions = new Map(snapshot);
  }

  /** Forgets the regions whose keys `isKept` refuses; whoever still holds such a region keeps using it. */
  prune(isKept: (key: string) => boolean): void {
    for (const key of this.#regions.keys()) if (!isKept(key)) this.#regions.delete(key);
  }

  /** The directory as it is posted to a thread. */
  snapshot(): SharedSnapshot {
    return new Map(this.#regions);
  }
}
