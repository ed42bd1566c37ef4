/** How long a dead thread's place stays empty: not at all, unless threads die there one after the other. */
import { type Clock, systemClock } from "../../base/clock.ts";

/** A thread that lived this long was in order. */
const minLifeMs = 5_000;
const firstDelayMs = 100;
const maxDelayMs = 10_000;

/** The delays of one place. */
export class RestartDelay {
  readonly #clock: Clock;
  #startedMs = 0;
  #nextMs = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** A thread starts here. */
  start(): void {
    this.#startedMs = this.#clock.now();
  }

  /**
   * The thread has died. @returns milliseconds until the next may start: 0 at first, then 100 and twice as many each
   * time, up to 10 s
   */
  afterDeath(): number {
    if (this.#clock.now() - this.#startedMs >= minLifeMs) this.#nextMs = 0;
    const delayMs = this.#nextMs;
    this.#nextMs = delayMs === 0 ? firstDelayMs : Math.min(delayMs * 2, maxDelayMs);
    return delayMs;
  }
}
