/**
 * Time as the data path sees it: monotonic milliseconds for every deadline and measurement, wall time only for what
 * people read. The thread's clock is read once per event-loop turn where it matters; tests use `ManualClock`.
 */

/** A source of time. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; never jumps. */
  now(): number;
  /** Milliseconds since the epoch, for logs and `Date` fields. */
  wall(): number;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
};

/** A clock that moves only when told to; for tests. */
export class ManualClock implements Clock {
  #now: number;
  #wallOffset: number;

  constructor(nowMs = 1_000, wallMs = 1_700_000_000_000) {
    this.#now = nowMs;
    this.#wallOffset = wallMs - nowMs;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
