/**
 * How much memory request bodies may be held in, over all threads of a proxy: one number of bytes in shared memory,
 * with a stripe a thread, from which a thread that dies is taken out. What is held is counted in blocks that really are
 * allocated, not in bytes used of them. A caller that is refused keeps less: it writes to a file earlier, or keeps
 * nothing.
 */
import { type ReservedRegion, type SharedMemory, type SharedRegion, wordsOf } from "./shared-memory.ts";

/** Enough for a thousand ordinary bodies; an eighth of the memory of a small machine. */
export const maxHeldBytes = 134_217_728;

const key = "held-memory";
const lineWords = 16;

/** One thread's window on it. */
export class HeldMemory {
  readonly #words: Int32Array;
  readonly #ownIndex: number;
  readonly #maxBytes: number;

  constructor(region: SharedRegion, stripeIndex: number, maxBytes = maxHeldBytes) {
    this.#words = wordsOf(region);
    this.#ownIndex = (stripeIndex + 1) * lineWords;
    this.#maxBytes = maxBytes;
  }

  static open(memory: SharedMemory, stripeIndex: number, stripes: number): HeldMemory {
    return new HeldMemory(memory.region(key, HeldMemory.byteLength(stripes)), stripeIndex);
  }

  static byteLength(stripes: number): number {
    return (stripes + 1) * lineWords * 4;
  }

  /** Makes the region, or finds it. */
  static reserve(memory: SharedMemory, stripes: number): ReservedRegion {
    const words = wordsOf(memory.region(key, HeldMemory.byteLength(stripes)));
    return {
      key,
      clearStripe: (stripeIndex) =>
        void Atomics.sub(words, 0, Atomics.exchange(words, (stripeIndex + 1) * lineWords, 0)),
    };
  }

  /** Counts `byteCount` more, unless that would be too many. @returns whether it did */
  take(byteCount: number): boolean {
    if (Atomics.add(this.#words, 0, byteCount) + byteCount <= this.#maxBytes) {
      Atomics.add(this.#words, this.#ownIndex, byteCount);
      return true;
    }
    Atomics.sub(this.#words, 0, byteCount);
    return false;
  }

  /**
   * Counts `byteCount` more in any case: for bytes that have come and must go somewhere. The caller takes no more
   * before they are out.
   */
  takeAnyway(byteCount: number): void {
    Atomics.add(this.#words, 0, byteCount);
    Atomics.add(this.#words, this.#ownIndex, byteCount);
  }

  /** What was taken is let go. */
  give(byteCount: number): void {
    if (byteCount === 0) return;
    Atomics.sub(this.#words, this.#ownIndex, byteCount);
    Atomics.sub(this.#words, 0, byteCount);
  }

  /** Over all threads. */
  get total(): number {
    return Atomics.load(this.#words, 0);
  }
}
