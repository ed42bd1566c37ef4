/**
 * How long to wait before a service is asked again. The first pause is random already: all instances lose a service at
 * the same moment, and must not come back at the same moment.
 */
import type { RandomSource } from "../base/random.ts";

/** The bounds of the pauses. */
export interface BackOffOptions {
  /** The longest first pause. Default: 1 second. */
  readonly firstMs?: number;
  /** The longest pause at all. Default: 30 seconds. */
  readonly longestMs?: number;
  /** No pause is shorter: a service that refuses at once is not asked in a loop. Default: 50 ms. */
  readonly leastMs?: number;
  readonly random?: RandomSource;
}

/** Pauses that grow with each failure in a row, each of them random between the least and its bound ("full jitter"). */
export class BackOff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #leastMs: number;
  readonly #random: RandomSource;
  #failures = 0;

  constructor({ firstMs = 1_000, longestMs = 30_000, leastMs = 50, random = Math.random }: BackOffOptions = {}) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#leastMs = leastMs;
    this.#random = random;
  }

  /** How many pauses there were since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** The next pause in milliseconds; call it once for each failure. */
  next(): number {
    const boundMs = Math.min(this.#longestMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return this.#leastMs + Math.floor(this.#random() * Math.max(0, boundMs - this.#leastMs));
  }

  /** The service has answered as it should: the next pause is a first one. */
  reset(): void {
    this.#failures = 0;
  }
}
