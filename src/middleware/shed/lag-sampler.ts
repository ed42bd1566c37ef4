/**
 * How late the event loop of this thread is right now, for decisions about the next request; `EventLoopLag` tells
 * people about the past.
 */
import { type Clock, systemClock } from "../../base/clock.ts";

/** Milliseconds between two samples: fifty wake-ups a second, and only if shedding is on. */
const intervalMs = 20;
/** The weight of a new sample in the average. */
const share = 0.3;

/** Measures from `start` to `stop`. */
export class LagSampler {
  /** A moving average, in milliseconds. */
  lagMs = 0;
  readonly #clock: Clock;
  #timer: NodeJS.Timeout | null = null;
  #dueMs = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Does nothing if it runs already. It does not keep the process alive. */
  start(): void {
    if (this.#timer !== null) return;
    this.#dueMs = this.#clock.now() + intervalMs;
    this.#timer = setInterval(() => this.sample(), intervalMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.lagMs = 0;
  }

  /** Called by the timer; called directly in tests. */
  sample(): void {
    const now = this.#clock.now();
    this.lagMs += share * (Math.max(0, now - this.#dueMs) - this.lagMs);
    this.#dueMs = now + intervalMs;
  }
}
