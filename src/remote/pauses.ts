/** Waiting that can be given up: no timer is left afterwards. */
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";

/** Who waits, until it is closed. */
export class Pauses {
  readonly #scheduler: Scheduler;
  readonly #waiting = new Map<(isOver: boolean) => void, ScheduledCall>();
  #isClosed = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Waits. @returns false if it was given up: what was waited for shall not be done any more */
  wait(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (this.#isClosed) resolve(false);
    else {
      const call = this.#scheduler.after(ms, () => {
        this.#waiting.delete(resolve);
        resolve(true);
      });
      this.#waiting.set(resolve, call);
    }
    return promise;
  }

  /** Gives up all waiting, now and later. */
  close(): void {
    this.#isClosed = true;
    for (const [resolve, call] of this.#waiting) {
      call.cancel();
      resolve(false);
    }
    this.#waiting.clear();
  }
}
