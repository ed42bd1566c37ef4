/**
 * One lock for what changes the structure of the memory store, in shared memory. A hit does not take it. Who holds it
 * does a few microseconds of work and calls nobody. Waiting is bounded: a caller that does not get it in time does
 * without, since the holder may be a thread that has just died; then the lock is taken from it by `seize`. A thread
 * waits once for such a holder: until it has had the lock again, it only tries.
 */
import { header } from "./memory-layout.ts";

const spins = 200;
const waitMs = 5;
/** Longer than a holder is ever at work, unless the machine does not let it run. */
const patienceMs = 20;

/** One thread's window on the lock. */
export class StoreLock {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #own: number;
  #hasGivenUp = false;

  /** @param owner a number above 0 that is this thread's alone */
  constructor(words: Int32Array<SharedArrayBuffer>, owner: number) {
    this.#words = words;
    this.#own = owner;
  }

  /** @returns whether it is held now; false = not in time */
  enter(): boolean {
    const words = this.#words;
    for (let spin = 0; spin < spins; spin++)
      if (Atomics.compareExchange(words, header.lockOwner, 0, this.#own) === 0) {
        this.#hasGivenUp = false;
        return true;
      }
    if (this.#hasGivenUp) return false;
    this.#hasGivenUp = !this.#wait();
    return !this.#hasGivenUp;
  }

  #wait(): boolean {
    const words = this.#words;
    Atomics.add(words, header.lockWaiters, 1);
    let isHeld = false;
    for (let waitedMs = 0; waitedMs < patienceMs && !isHeld; ) {
      const owner = Atomics.compareExchange(words, header.lockOwner, 0, this.#own);
      isHeld = owner === 0;
      if (!isHeld && Atomics.wait(words, header.lockOwner, owner, waitMs) === "timed-out") waitedMs += waitMs;
    }
    Atomics.sub(words, header.lockWaiters, 1);
    return isHeld;
  }

  leave(): void {
    const words = this.#words;
    Atomics.store(words, header.lockOwner, 0);
    if (Atomics.load(words, header.lockWaiters) > 0) Atomics.notify(words, header.lockOwner, 1);
  }

  /** Takes it from the dead holder `owner`. @returns false if that does not hold it */
  seize(owner: number): boolean {
    return Atomics.compareExchange(this.#words, header.lockOwner, owner, this.#own) === owner;
  }
}
