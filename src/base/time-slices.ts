/** Long work cut into slices, between which the event loop serves everybody else. */
import { type Clock, systemClock } from "./clock.ts";

/** How long a slice may take by default, in milliseconds: less than anybody notices. */
const defaultSliceMs = 10;

/** The slices of one piece of work: call `pause` between its steps. */
export class TimeSlices {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #startMs: number;

  /** @param sliceMs 0 = every step is a slice */
  constructor(sliceMs = defaultSliceMs, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#startMs = clock.now();
  }

  /** Null while the slice lasts; at its end a promise that resolves in a later turn of the event loop. */
  pause(): Promise<void> | null {
    if (this.#clock.now() - this.#startMs < this.#sliceMs) return null;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#startMs = this.#clock.now();
        resolve();
      });
    });
  }
}
