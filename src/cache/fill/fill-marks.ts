/**
 * Short memories about keys, shared by all threads: that an answer was not storable (hit-for-miss), that an origin has
 * failed. A table in which each key has one place: what comes later takes the place of what was there, so that nothing
 * grows and a look-up takes the same time always. A mark that is lost costs one wait more, one that is wrong for a moment
 * (two threads write one place at once) one fetch more.
 */
import type { Clock } from "../../base/clock.ts";

/** So many keys are remembered at most. */
export const markPlaces = 4_096;
const placeWords = 4;
/** Times are kept in units of this many milliseconds: 32 bits last for years. */
const unitMs = 128;

/** One table, as one thread sees it. */
export class FillMarks {
  readonly #words: Int32Array;
  readonly #clock: Clock;

  /** @param words `byteLength` of them in shared memory, zeros at first @param clock the same in all threads */
  constructor(words: Int32Array, clock: Clock) {
    this.#words = words;
    this.#clock = clock;
  }

  static readonly byteLength = markPlaces * placeWords * 4;

  /** Remembers the key for `forMs`. @param count what is remembered with it */
  set(digest: Int32Array, forMs: number, count = 0): void {
    if (forMs <= 0) return;
    const words = this.#words;
    const at = placeOf(digest);
    Atomics.store(words, at + 2, 0);
    Atomics.store(words, at, digest[0]!);
    Atomics.store(words, at + 1, digest[1]!);
    Atomics.store(words, at + 3, count);
    Atomics.store(words, at + 2, Math.ceil((this.#clock.now() + forMs) / unitMs) | 0);
  }

  /** Whether the key is remembered, and its time is not over. */
  has(digest: Int32Array): boolean {
    const at = this.#find(digest);
    return at !== -1 && this.#restMs(at) > 0;
  }

  /** What was remembered with the key, until `lingerMs` after its time; 0 if it is not. */
  countOf(digest: Int32Array, lingerMs: number): number {
    const at = this.#find(digest);
    return at !== -1 && this.#restMs(at) + lingerMs > 0 ? Atomics.load(this.#words, at + 3) : 0;
  }

  clear(digest: Int32Array): void {
    const at = this.#find(digest);
    if (at !== -1) Atomics.store(this.#words, at + 2, 0);
  }

  #restMs(at: number): number {
    return Atomics.load(this.#words, at + 2) * unitMs - this.#clock.now();
  }

  /** The place of the key; -1 if another one, or none, is there. */
  #find(digest: Int32Array): number {
    const words = this.#words;
    const at = placeOf(digest);
    const isThere =
      Atomics.load(words, at + 2) !== 0 &&
      Atomics.load(words, at) === digest[0] &&
      Atomics.load(words, at + 1) === digest[1];
    return isThere ? at : -1;
  }
}

function placeOf(digest: Int32Array): number {
  return (digest[2]! & (markPlaces - 1)) * placeWords;
}
