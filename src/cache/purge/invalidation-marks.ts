/**
 * What unsafe requests leave behind for fetches that are under way: a POST that succeeded makes what is stored for its
 * URL invalid (RFC 9111 section 4.4), also an answer that was asked for before and arrives afterwards. Purges are for
 * the control thread and looked at by every hit; this is written by any thread and read by fetches alone.
 *
 * A fetch remembers `of(key)` when it begins. If it is another number after its answer was committed, the answer is
 * removed again. Keys share counters, so a fetch may lose its place in the store for another key's sake, which
 * costs nothing but that.
 */
import { KeyedHash } from "../../base/keyed-hash.ts";
import { type ReservedRegion, type SharedMemory, wordsOf } from "../../base/shared-memory.ts";
import { systemRandomBytes } from "../../base/system-random.ts";

const regionKey = "cache-invalidations";
/** Of a hundred unsafe requests a second, a fetch of ten seconds then meets one of its own counter once in 65 times. */
const counters = 65_536;
const seedWords = 2;
const regionBytes = (seedWords + counters) * 4;

/** One thread's window on the marks of the process. */
export class InvalidationMarks {
  readonly #words: Int32Array;
  readonly #hash: KeyedHash;

  private constructor(words: Int32Array) {
    this.#words = words;
    this.#hash = new KeyedHash(words[0]!, words[1]!);
  }

  /** Makes them in the control thread; what is there already stays. */
  static reserve(memory: SharedMemory): ReservedRegion {
    const words = wordsOf(memory.region(regionKey, regionBytes));
    if (words[0] === 0 && words[1] === 0) {
      const seed = systemRandomBytes(seedWords * 4);
      words[0] = seed.readInt32LE(0) | 1;
      words[1] = seed.readInt32LE(4);
    }
    return { key: regionKey, clearStripe: null };
  }

  /** Opens those that were reserved. */
  static open(memory: SharedMemory): InvalidationMarks {
    return new InvalidationMarks(wordsOf(memory.region(regionKey, regionBytes)));
  }

  /** The number of `key` now; another one later says that it was invalidated in between. */
  of(key: string): number {
    return Atomics.load(this.#words, this.#placeOf(key));
  }

  /** Says that what is fetched for `key` at this moment is invalid. Call it before what is stored is removed. */
  raise(key: string): void {
    Atomics.add(this.#words, this.#placeOf(key), 1);
  }

  #placeOf(key: string): number {
    this.#hash.update(key);
    return seedWords + (this.#hash.low & (counters - 1));
  }
}
