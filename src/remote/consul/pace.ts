/**
 * How fast one blocking query may follow the other. As a rule at once; but answers may come at once as well, without
 * end: a service that changes all the time, an older Consul whose every change ends every wait, a server that is out
 * of order. Then it is a poll at a fixed rate (a token bucket, as Consul's documentation advises).
 */
import type { Clock } from "../../base/clock.ts";

/** So many answers may follow at once, after a time of quiet. */
const burst = 3;
/** Then one comes in this time: a change is still seen within a second. */
const intervalMs = 500;

/** Keeps the pace of one loop. */
export class QueryPace {
  readonly #clock: Clock;
  #tokens = burst;
  #filledMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledMs = clock.now();
  }

  /** Counts one question. @returns how many milliseconds it has to wait */
  take(): number {
    const nowMs = this.#clock.now();
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#filledMs) / intervalMs) - 1;
    this.#filledMs = nowMs;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens * intervalMs);
  }
}
