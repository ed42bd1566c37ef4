/**
 * Counts over a window of time that slides, over all threads, in a shared region: for every thread a ring of slots,
 * each with the number of its time slot and some counters. A slot has one writer, so counting needs no atomic
 * operation; a sum may miss what other threads counted a moment ago. Layout: per thread, `slots` times (slot number,
 * counter 0, counter 1, …), 32-bit integers, each thread's ring on cache lines of its own.
 */
import { type SharedRegion, wordsOf } from "./shared-memory.ts";

/** Sizes of a window: it covers `slots` times `slotMs` milliseconds, the current slot included. */
export interface SlidingShape {
  readonly slots: number;
  /** At least 100. */
  readonly slotMs: number;
  readonly counters: number;
}

/** One thread's window on the counts. */
export class SlidingCounts {
  readonly #words: Int32Array;
  readonly #stripes: number;
  readonly #stripeWords: number;
  readonly #ownIndex: number;
  readonly #slots: number;
  readonly #slotMs: number;
  readonly #slotWords: number;

  /** @param stripeIndex the stripe that this thread counts in; -1 = an observer, which must not `add` */
  constructor(region: SharedRegion, shape: SlidingShape, stripeIndex: number, stripes: number) {
    this.#words = wordsOf(region);
    this.#stripes = stripes;
    this.#stripeWords = stripeBytes(shape) / 4;
    this.#ownIndex = stripeIndex * this.#stripeWords;
    this.#slots = shape.slots;
    this.#slotMs = shape.slotMs;
    this.#slotWords = 1 + shape.counters;
  }

  static byteLength(shape: SlidingShape, stripes: number): number {
    return stripeBytes(shape) * stripes;
  }

  /** Counts one more in counter `counter`. @param sharedMs now, on the scale of all threads */
  add(counter: number, sharedMs: number): void {
    const words = this.#words;
    const slot = Math.floor(sharedMs / this.#slotMs);
    const at = this.#ownIndex + (slot % this.#slots) * this.#slotWords;
    if (words[at] !== slot) {
      for (let index = 1; index < this.#slotWords; index++) words[at + index] = 0;
      words[at] = slot;
    }
    words[at + 1 + counter]! += 1;
  }

  /**
   * Takes one back that this thread counted at `sharedMs`, unless its slot is over by now: then it counts no more
   * anyhow.
   */
  takeBack(counter: number, sharedMs: number): void {
    const slot = Math.floor(sharedMs / this.#slotMs);
    const at = this.#ownIndex + (slot % this.#slots) * this.#slotWords;
    if (this.#words[at] === slot) this.#words[at + 1 + counter]! -= 1;
  }

  /**
   * The sum of counter `counter` over the window that ends now, all threads together. @param sinceMs what was counted
   * in slots before this time is left out; default: nothing is
   */
  sum(counter: number, sharedMs: number, sinceMs = 0): number {
    const words = this.#words;
    const last = Math.floor(sharedMs / this.#slotMs);
    const first = Math.max(last - this.#slots + 1, Math.ceil(sinceMs / this.#slotMs));
    let sum = 0;
    for (let stripe = 0; stripe < this.#stripes; stripe++) {
      for (let index = 0; index < this.#slots; index++) {
        const at = stripe * this.#stripeWords + index * this.#slotWords;
        const slot = words[at]!;
        if (slot >= first && slot <= last) sum += words[at + 1 + counter]!;
      }
    }
    return sum;
  }
}

function stripeBytes(shape: SlidingShape): number {
  return Math.ceil((shape.slots * (1 + shape.counters) * 4) / 64) * 64;
}
