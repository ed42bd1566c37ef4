/** A time that runs out, and that can be shortened while it runs but never lengthened. */
import { type ScheduledCall, type Scheduler, systemScheduler } from "./scheduler.ts";

/** Runs from the first `limit` on; before that it has no end. */
export class Countdown {
  readonly #scheduler: Scheduler;
  readonly #over = Promise.withResolvers<void>();
  #dueMs = Infinity;
  #call: ScheduledCall | null = null;
  #isOver = false;

  constructor(scheduler: Scheduler = systemScheduler) {
    this.#scheduler = scheduler;
  }

  /** Resolves when the time is up, or when `end` is called. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is over in `ms` from now at the latest; 0 = now. */
  limit(ms: number): void {
    const dueMs = this.#scheduler.clock.now() + ms;
    if (this.#isOver || dueMs >= this.#dueMs) return;
    this.#call?.cancel();
    this.#dueMs = dueMs;
    if (ms <= 0) this.end();
    else this.#call = this.#scheduler.after(ms, () => this.end());
  }

  /** It is over now. Leaves no timer behind. */
  end(): void {
    this.#isOver = true;
    this.#call?.cancel();
    this.#call = null;
    this.#over.resolve();
  }
}
