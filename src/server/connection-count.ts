/** Open client connections of a listener over all threads, in the region `connections:<listener>`: one line of 64 bytes a thread, one writer each. */
import type { SharedMemory } from "../base/shared-memory.ts";

const lineWords = 16;

/** One thread's window on the count. */
export class ConnectionCount {
  readonly #words: Int32Array;
  readonly #own: number;

  constructor(memory: SharedMemory, listenerName: string, stripeIndex: number, stripes: number) {
    this.#words = new Int32Array(memory.region(ConnectionCount.key(listenerName), stripes * lineWords * 4));
    this.#own = stripeIndex * lineWords;
  }

  static key(listenerName: string): string {
    return `connections:${listenerName}`;
  }

  /** Counts in this thread's stripe. */
  add(delta: 1 | -1): void {
    this.#words[this.#own]! += delta;
  }

  get total(): number {
    let total = 0;
    for (let i = 0; i < this.#words.length; i += lineWords) total += this.#words[i]!;
    return total;
  }

  /** Forgets a dead thread's connections. */
  clearStripe(stripeIndex: number): void {
    Atomics.store(this.#words, stripeIndex * lineWords, 0);
  }
}
