/**
 * The table that all threads share: named regions of shared memory. The control thread reserves a region under a key
 * when a configuration is built and hands the directory to the proxy threads; the same key gives the same memory after
 * a reload, which is how counters, health and buckets live on. Regions start as zeros and are never moved.
 *
 * Regions are cut from slabs, since posting a buffer costs more the more of them are posted: tens of thousands took
 * seconds. A place is never used twice, since whoever still holds the region of a forgotten key keeps using it; a slab
 * is let go when all its keys are forgotten.
 */
import { TimeSlices } from "./time-slices.ts";

/** A stretch of shared memory. It begins on a cache line of its own. */
export interface SharedRegion {
  readonly buffer: SharedArrayBuffer;
  /** Where it begins in `buffer`: a multiple of 64. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What is posted to a proxy thread: the directory, or a part of it. */
export interface SharedSnapshot {
  readonly slabs: ReadonlyMap<number, SharedArrayBuffer>;
  readonly keys: readonly string[];
  /** For each key three numbers: its slab, its first byte there, its length. */
  readonly places: Uint32Array;
}

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
  readonly slab: Slab;
}

const slabBytes = 65_536;
const lineBytes = 64;
const placeWords = 3;

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

/** A directory of shared regions. */
export class SharedMemory {
  #regions = new Map<string, Placed>();
  #slabs = new Map<number, Slab>();
  #lastSlabId = 0;
  /** The slab that small regions are cut from. */
  #open: Slab | null = null;

  /** @param snapshot the directory to share; default: an empty one of one's own. */
  constructor(snapshot?: SharedSnapshot) {
    if (snapshot !== undefined) this.extend(snapshot, []);
  }

  /**
   * The region `key`, made (zeroed) if it does not exist yet.
   * @throws RangeError when it exists with another size: a key names one layout.
   */
  region(key: string, byteLength: number): SharedRegion {
    const existing = this.#regions.get(key);
    if (existing !== undefined) {
      if (existing.byteLength !== byteLength)
        throw new RangeError(`shared region ${key} has ${existing.byteLength} bytes, not ${byteLength}`);
      return existing;
    }
    const made = this.#cut(byteLength);
    this.#regions.set(key, made);
    return made;
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
   * other memory than before; whoever still holds the old region keeps using it. A region of one's own making is
   * forgotten unless the snapshot has it. Until all is there, the directory is as it was.
   */
  async adopt({ slabs, keys, places }: SharedSnapshot, slices = new TimeSlices()): Promise<void> {
    const nextSlabs = new Map(
      [...slabs].map(([id, buffer]) => [id, fullSlab(id, this.#slabs.get(id)?.buffer ?? buffer)]),
    );
    const next = new Map<string, Placed>();
    for (const [at, key] of keys.entries()) {
      const placed = placeAt(at, places, nextSlabs);
      next.set(key, placed);
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#slabs = nextSlabs;
    this.#regions = next;
    this.#open = null;
  }

  /**
   * Takes the regions of a newer snapshot of some keys into a directory that was made of a snapshot, and forgets the
   * keys `dropped`; the others stay as they are.
   */
  extend({ slabs, keys, places }: SharedSnapshot, dropped: readonly string[]): void {
    for (const key of [...dropped, ...keys]) this.#forget(key);
    for (const [id, buffer] of slabs) if (!this.#slabs.has(id)) this.#slabs.set(id, fullSlab(id, buffer));
    for (const [at, key] of keys.entries()) this.#regions.set(key, placeAt(at, places, this.#slabs));
  }

  #forget(key: string): void {
    const region = this.#regions.get(key);
    if (region === undefined) return;
    this.#regions.delete(key);
    region.slab.keys--;
    this.#letGo(region.slab, this.#open);
  }

  /**
   * Forgets the regions whose keys `isKept` refuses, in slices; whoever still holds such a region keeps using it.
   */
  async prune(isKept: (key: string) => boolean, slices = new TimeSlices()): Promise<void> {
    for (const key of this.#regions.keys()) {
      if (!isKept(key)) this.#forget(key);
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
  }

  /** As `prune`, for keys that are known. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#forget(key);
  }

  #letGo(slab: Slab, open: Slab | null): void {
    if (slab.keys === 0 && slab !== open) this.#slabs.delete(slab.id);
  }

  /** The directory as it is posted to a thread: all of it, or the part with `keys`, which must be there. */
  snapshot(keys: readonly string[] = [...this.#regions.keys()]): SharedSnapshot {
    const places = new Uint32Array(keys.length * placeWords);
    const slabs = new Map<number, SharedArrayBuffer>();
    let at = 0;
    for (const key of keys) {
      const { slab, byteOffset, byteLength } = this.#regions.get(key)!;
      slabs.set(slab.id, slab.buffer);
      places[at++] = slab.id;
      places[at++] = byteOffset;
      places[at++] = byteLength;
    }
    return { slabs, keys, places };
  }
}

/** A slab of another directory: nothing is cut from it here. */
function fullSlab(id: number, buffer: SharedArrayBuffer): Slab {
  return { id, buffer, usedBytes: buffer.byteLength, keys: 0 };
}

/** The region number `at` of a snapshot. */
function placeAt(at: number, places: Uint32Array, slabs: ReadonlyMap<number, Slab>): Placed {
  const slab = slabs.get(places[at * placeWords]!)!;
  slab.keys++;
  return {
    buffer: slab.buffer,
    byteOffset: places[at * placeWords + 1]!,
    byteLength: places[at * placeWords + 2]!,
    slab,
  };
}
