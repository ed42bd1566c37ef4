/**
 * Finds entries by the hash of their key: buckets of 16 words, two for each key. A word is the number of an entry and
 * 8 bits of the hash, written at once, so that a reader needs no lock: it takes what a word names for a hint, pins the
 * entry and compares the whole key.
 */
import { bucketSlots, type MemoryViews } from "./memory-layout.ts";

const entryMask = 0xff_ffff;

/** One thread's window on the index. Hashes are the two halves of a `KeyedHash`. */
export class KeyIndex {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;

  constructor(views: MemoryViews) {
    this.words = views.index;
    this.#mask = views.layout.buckets - 1;
  }

  /** Where the first bucket of a key begins. */
  first(low: number): number {
    return (low & this.#mask) * bucketSlots;
  }

  /** Where the second begins; rarely it is the first again. */
  second(high: number): number {
    return (high & this.#mask) * bucketSlots;
  }

  /** The entry that `word` may name for a key with the hash half `low`; 0 = it names none for it. */
  candidate(word: number, low: number): number {
    return word !== 0 && word >>> 24 === low >>> 24 ? word & entryMask : 0;
  }

  /** Enters `entry`, with the lock held. @returns false if both buckets are full */
  put(low: number, high: number, entry: number): boolean {
    return (
      this.#exchange(this.first(low), 0, wordOf(low, entry)) || this.#exchange(this.second(high), 0, wordOf(low, entry))
    );
  }

  /** Puts `entry` in the place of another of the same key, with the lock held. @returns false if that is not there */
  replace(low: number, high: number, before: number, entry: number): boolean {
    const old = wordOf(low, before);
    return (
      this.#exchange(this.first(low), old, wordOf(low, entry)) ||
      this.#exchange(this.second(high), old, wordOf(low, entry))
    );
  }

  /** Takes `entry` out, with the lock held, if it is there. */
  drop(low: number, high: number, entry: number): void {
    const old = wordOf(low, entry);
    if (!this.#exchange(this.first(low), old, 0)) this.#exchange(this.second(high), old, 0);
  }

  /** The entries of the first bucket of a key, to make room in it. */
  neighbours(low: number): number[] {
    const start = this.first(low);
    return Array.from(this.words.subarray(start, start + bucketSlots), (word) => word & entryMask);
  }

  #exchange(start: number, before: number, after: number): boolean {
    for (let slot = start; slot < start + bucketSlots; slot++) {
      if (this.words[slot] !== before) continue;
      Atomics.store(this.words, slot, after);
      return true;
    }
    return false;
  }
}

function wordOf(low: number, entry: number): number {
  return ((low >>> 24) << 24) | entry;
}
