/** Monotonic time on one scale in all threads of the process, for times that are kept in shared memory. `performance.now()` itself begins at 0 in every thread. */
import type { Clock } from "./clock.ts";

const threadStartedMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The machine's clock, counting from some moment before the process started. Two threads agree to well below a millisecond. */
export const sharedClock: Clock = {
  now: () => performance.now() + threadStartedMs,
  wall: () => Date.now(),
};
