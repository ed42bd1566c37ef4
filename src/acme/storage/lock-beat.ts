/** Keeps a lock alive as long as it is held, and notices if that does not succeed in time. */
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import { lockBeatMs, lockLifeMs, type StoreLock } from "./acme-store.ts";

/** How a lock of some place is kept and given back. */
export interface LockBeatParts {
  readonly scheduler: Scheduler;
  /** Gives a sign of life. @returns false if somebody else has the lock */
  beat(): Promise<boolean>;
  release(): Promise<void>;
}

/** A lock that was taken just now. */
export class LockBeat implements StoreLock {
  readonly #parts: LockBeatParts;
  #lastMs: number;
  #call: ScheduledCall | null;
  #isTaken = false;

  constructor(parts: LockBeatParts) {
    this.#parts = parts;
    this.#lastMs = parts.scheduler.clock.now();
    this.#call = parts.scheduler.after(lockBeatMs, this.#beat);
  }

  get isLost(): boolean {
    return this.#isTaken || this.#parts.scheduler.clock.now() - this.#lastMs >= lockLifeMs;
  }

  async release(): Promise<void> {
    this.#call?.cancel();
    this.#call = null;
    // It looks whether the lock is still ours.
    if (!this.#isTaken) await this.#parts.release();
  }

  readonly #beat = (): void => {
    const beganMs = this.#parts.scheduler.clock.now();
    const next = (): void => {
      if (this.#call !== null) this.#call = this.#parts.scheduler.after(lockBeatMs, this.#beat);
    };
    void this.#parts.beat().then(
      (isOurs) => {
        if (isOurs) this.#lastMs = beganMs;
        else this.#isTaken = true;
        if (isOurs) next();
      },
      // The place cannot be asked: it may be there again at the next beat, and if not, the lock is lost.
      next,
    );
  };
}
