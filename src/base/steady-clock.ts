/**
 * The time of day for what is kept for a while: the wall clock as it was when the process began to need it, plus
 * monotonic time since. If somebody sets the machine's clock, nothing lives longer and nothing ends early. All threads
 * of a process agree on it to well below a millisecond; the offset is handed over in shared memory.
 *
 * Whatever outlives the process is written in these milliseconds, too; who reads it takes a time that lies ahead for
 * now (`clampToPast`).
 */
import type { Clock } from "./clock.ts";
import { onSharedScale, sharedClock } from "./shared-clock.ts";
import { numbersOf, type ReservedRegion, type SharedMemory } from "./shared-memory.ts";

const key = "steady-clock";
const byteLength = 8;

/** Milliseconds since the epoch that never jump. */
export class SteadyClock {
  readonly #clock: Pick<Clock, "now">;
  readonly #offsetMs: number;

  /** @param clock monotonic @param offsetMs what makes the time of day of its time */
  constructor(clock: Pick<Clock, "now">, offsetMs: number) {
    this.#clock = clock;
    this.#offsetMs = offsetMs;
  }

  /** One that is shared with nobody and begins at the time of day of `clock`; for tests and single threads. */
  static from(clock: Clock): SteadyClock {
    return new SteadyClock(clock, clock.wall() - clock.now());
  }

  /** Makes the region, or finds it, and sets the offset if it is new. Before other threads open it. */
  static reserve(memory: SharedMemory, clock: Clock = sharedClock): ReservedRegion {
    const numbers = numbersOf(memory.region(key, byteLength));
    if (numbers[0] === 0) numbers[0] = clock.wall() - clock.now();
    return { key, clearStripe: null };
  }

  /** @param clock one of this thread's that reads `performance.now()`: a held clock keeps it still for one read */
  static open(memory: SharedMemory, clock: Clock): SteadyClock {
    return new SteadyClock(onSharedScale(clock), numbersOf(memory.region(key, byteLength))[0]!);
  }

  /** Milliseconds since the epoch, with fractions. */
  nowMs(): number {
    return this.#clock.now() + this.#offsetMs;
  }

  /** A time from somewhere else, which must not lie ahead: then it is now. */
  clampToPast(timeMs: number): number {
    return Math.min(timeMs, this.nowMs());
  }
}
