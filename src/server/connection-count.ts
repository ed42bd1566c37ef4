/**
 * Open client connections of a listener over all threads, exact at every moment, in the region `connections:<listener>`: a line of 64 bytes for the total, then one a
 * thread, from which a thread that dies is taken out of the total.
 */
import type { SharedMemory } from "../base/shared-memory.ts";

const lineWords = 16;
const totalIndex = 0;

/** One thread's window on the count. */
export class ConnectionCount {
  readonly #words: Int32Array;
  readonly #ownIndex: number;

  constructor(memory: SharedMemory, listenerName: string, stripeIndex: number, stripes: number) {
    this.#words = new Int32Array(memory.region(ConnectionCount.key(listenerName), (stripes + 1) * lineWords * 4));
    this.#ownIndex = (stripeIndex + 1) * lineWords;
  }

  static key(listenerName: string): string {
    return `connections:${listenerName}`;
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

  get total(): number {
    return Atomics.load(this.#words, totalIndex);
  }

  /** Takes a dead thread's connections out. Call it when the thread has ended, before its successor starts. */
  clearStripe(stripeIndex: number): void {
    Atomics.sub(this.#words, totalIndex, Atomics.exchange(this.#words, (stripeIndex + 1) * lineWords, 0));
  }
}
