/**
 * The table that all threads share: named regions of shared memory. The control thread reserves a region under a key
 * when a configuration is built and hands the directory to the proxy threads; the same key gives the same memory after
 * a reload, which is how counters, health and buckets live on. Regions start as zeros and are never moved.
 *
 * Regions are cut from slabs, since posting a buffer costs more the more of them are posted: tens of thousands took
 * seconds. A place is never used twice, since whoever still holds the region of a forgotten key keeps using it; a slab
 * is let go when all its keys are forgotten.
 */
import { SharedDirectory, type SharedRegion, type SharedSnapshot, writeSnapshot } from "./shared-directory.ts";

export type { SharedRegion, SharedSnapshot } from "./shared-directory.ts";

/** A region that a feature has reserved. */
export interface ReservedRegion {
  readonly key: string;
  /** Takes a dead thread out of what is counted there; null = nothing of a thread's own is. */
  readonly clearStripe: ((stripeIndex: number) => void) | null;
  /**
   * Is something counted there that will be taken out of the count again? Then the key keeps its memory, needed or not.
   * Default: never.
   */
  readonly isCounting?: () => boolean;
}

interface Slab {
  readonly id: number;
  readonly buffer: SharedArrayBuffer;
  usedBytes: number;
  /** How many keys have their region here. */
  keys: number;
}

interface Placed extends SharedRegion {
  /** Null if it was cut by another thread. */
  readonly slab: Slab | null;
}

const slabBytes = 65_536;
const lineBytes = 64;

/** The region as 32-bit integers. */
export function wordsOf({ buffer, byteOffset, byteLength }: SharedRegion): Int32Array<SharedArrayBuffer> {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** The region as 64-bit floating-point numbers. */
export function numbersOf({ buffer, byteOffset, byteLength }: SharedRegion): Float64Array<SharedArrayBuffer> {
  return new Float64Array(buffer, byteOffset, byteLength / 8);
}

/** The region as bytes. */
export function bytesOf({ buffer, byteOffset, byteLength }: SharedRegion): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A region outside any directory, for tests of what lives in one. */
export function createRegion(byteLength: number): SharedRegion {
  return { buffer: new SharedArrayBuffer(byteLength), byteOffset: 0, byteLength };
}

/** A directory of shared regions: the thread's own, or one that was made of a snapshot of another thread's. */
export class SharedMemory {
  /** All, or those that were looked up or came after the snapshot. */
  readonly #regions = new Map<string, Placed>();
  readonly #slabs = new Map<number, Slab>();
  #lastSlabId = 0;
  /** The slab that small regions are cut from. */
  #open: Slab | null = null;
  #snapshot: SharedDirectory | null = null;
  /** Keys of the snapshot that do not hold any more. */
  readonly #dropped = new Set<string>();

  /** @param snapshot the directory to share; default: a new, empty one. */
  constructor(snapshot?: SharedSnapshot) {
    if (snapshot !== undefined) this.adopt(snapshot);
  }

  /**
   * The region `key`, made (zeroed) if it does not exist yet.
   * @throws RangeError when it exists with another size: a key names one layout.
   */
  region(key: string, byteLength: number): SharedRegion {
    const existing = this.#regions.get(key) ?? this.#lookUp(key);
    if (existing !== null) {
      if (existing.byteLength !== byteLength)
        throw new RangeError(`shared region ${key} has ${existing.byteLength} bytes, not ${byteLength}`);
      return existing;
    }
    const made = this.#cut(byteLength);
    this.#regions.set(key, made);
    return made;
  }

  #lookUp(key: string): SharedRegion | null {
    const found = this.#dropped.has(key) ? null : (this.#snapshot?.find(key) ?? null);
    if (found === null) return null;
    const placed = { ...found, slab: null };
    this.#regions.set(key, placed);
    return placed;
  }

  #cut(byteLength: number): Placed {
    let slab = this.#open;
    if (slab === null || slab.usedBytes + byteLength > slab.buffer.byteLength) {
      const isLarge = byteLength > slabBytes / 4;
      slab = {
        id: ++this.#lastSlabId,
        buffer: new SharedArrayBuffer(isLarge ? byteLength : slabBytes),
        usedBytes: 0,
        keys: 0,
      };
      this.#slabs.set(slab.id, slab);
      if (!isLarge) {
        if (this.#open !== null) this.#letGo(this.#open, null);
        this.#open = slab;
      }
    }
    const byteOffset = slab.usedBytes;
    slab.usedBytes += Math.ceil(byteLength / lineBytes) * lineBytes;
    slab.keys++;
    return { buffer: slab.buffer, byteOffset, byteLength, slab };
  }

  /**
   * Becomes the directory that a newer snapshot was made of. A key that was forgotten and made again in between names
   * other memory than before; whoever still holds the old region keeps using it. A region that this thread has made is
   * forgotten unless the snapshot has it.
   */
  adopt(snapshot: SharedSnapshot): void {
    this.#snapshot = new SharedDirectory(snapshot);
    this.#regions.clear();
    this.#dropped.clear();
    this.#slabs.clear();
    this.#open = null;
  }

  /**
   * Takes the regions of a newer snapshot of some keys into a directory that was made of a snapshot, and forgets the
   * keys `dropped`; the others stay as they are.
   */
  extend(part: SharedSnapshot, dropped: readonly string[]): void {
    for (const key of dropped) {
      this.#regions.delete(key);
      if (this.#snapshot?.find(key) != null) this.#dropped.add(key);
    }
    for (const [key, region] of new SharedDirectory(part)) this.#regions.set(key, { ...region, slab: null });
  }

  /** Forgets regions; whoever still holds one keeps using it. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) {
      const region = this.#regions.get(key);
      if (region === undefined) continue;
      this.#regions.delete(key);
      if (region.slab === null) continue;
      region.slab.keys--;
      this.#letGo(region.slab, this.#open);
    }
  }

  #letGo(slab: Slab, open: Slab | null): void {
    if (slab.keys === 0 && slab !== open) this.#slabs.delete(slab.id);
  }

  /** The keys of the thread's own directory. */
  get keys(): readonly string[] {
    return [...this.#regions.keys()];
  }

  /** The thread's own directory as it is posted to a thread: all of it, or the part with `keys`, which must be there. */
  snapshot(keys?: readonly string[]): SharedSnapshot {
    return writeSnapshot(keys === undefined ? [...this.#regions] : keys.map((key) => [key, this.#regions.get(key)!]));
  }
}
