/**
 * A count over all threads, exact at every moment, in a shared region: a line of 64 bytes for the total, then one a
 * thread, from which a thread that dies is taken out of the total.
 */
import { type SharedRegion, wordsOf } from "./shared-memory.ts";
const lineWords = 16;
const totalIndex = 0;

/** One thread's window on the count. */
export class SharedCount {
  readonly #words: Int32Array;
  readonly #ownIndex: number;

  /** @param stripeIndex the stripe that this thread counts in; -1 = an observer, which must not enter or leave */
  constructor(region: SharedRegion, stripeIndex: number) {
    this.#words = wordsOf(region);
    this.#ownIndex = (stripeIndex + 1) * lineWords;
  }

  static byteLength(stripes: number): number {
    return (stripes + 1) * lineWords * 4;
  }

  /** Counts one more, unless there are `max` already. @param max 0 = no limit */
  enter(max: number): boolean {
    for (;;) {
      const total = this.total;
      if (max > 0 && total >= max) return false;
      if (Atomics.compareExchange(this.#words, totalIndex, total, total + 1) === total) break;
    }
    Atomics.add(this.#words, this.#ownIndex, 1);
    return true;
  }

  /** Exactly once for each `enter` that was let in, on the same thread. */
  leave(): void {
    Atomics.sub(this.#words, this.#ownIndex, 1);
    Atomics.sub(this.#words, totalIndex, 1);
  }

  /** Over all threads. */
  get total(): number {
    return Atomics.load(this.#words, totalIndex);
  }

  /** This thread's part. */
  get own(): number {
    return Atomics.load(this.#words, this.#ownIndex);
  }

  /** The count in `region`, over all threads. */
  static totalOf(region: SharedRegion): number {
    return Atomics.load(wordsOf(region), totalIndex);
  }

  /** Takes a dead thread's part out of the total. Call it when the thread has ended, before its successor starts. */
  static clearStripe(region: SharedRegion, stripeIndex: number): void {
    const words = wordsOf(region);
    Atomics.sub(words, totalIndex, Atomics.exchange(words, (stripeIndex + 1) * lineWords, 0));
  }
}
