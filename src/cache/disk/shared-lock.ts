/**
 * A lock over a few words of shared memory, for sections of microseconds. Whoever waits gives up after a while: a thread
 * may be ended anywhere, also while it holds the lock, and then the control thread takes the lock from it.
 */

const free = 0;
/** Nobody holds it longer, unless its holder is dead or the machine stands still. */
const patienceMs = 50;
/** Wakes up so often to look at the time. */
const lookMs = 10;

/** One thread's side of a lock. */
export class SharedLock {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #owner: number;

  /** @param at the word of the lock @param stripeIndex of this thread; -1 = the control thread */
  constructor(words: Int32Array<SharedArrayBuffer>, at: number, stripeIndex: number) {
    this.#words = words;
    this.#at = at;
    this.#owner = stripeIndex + 2;
  }

  /** @returns false if it was not to be had in time; then nothing may be changed */
  take(): boolean {
    const words = this.#words;
    if (Atomics.compareExchange(words, this.#at, free, this.#owner) === free) return true;
    const endMs = performance.now() + patienceMs;
    for (;;) {
      const holder = Atomics.load(words, this.#at);
      if (holder !== free) Atomics.wait(words, this.#at, holder, lookMs);
      if (Atomics.compareExchange(words, this.#at, free, this.#owner) === free) return true;
      if (performance.now() > endMs) return false;
    }
  }

  give(): void {
    Atomics.store(this.#words, this.#at, free);
    Atomics.notify(this.#words, this.#at, 1);
  }

  /** Takes it from a thread that is dead. @returns whether that thread held it; then it is the caller's */
  takeFromDead(stripeIndex: number): boolean {
    const dead = stripeIndex + 2;
    return Atomics.compareExchange(this.#words, this.#at, dead, this.#owner) === dead;
  }
}
