/**
 * Monotonic time on one scale in all threads of the process, for times that are kept in shared memory.
 * `performance.now()` itself begins at 0 in every thread.
 */
import type { Clock } from "./clock.ts";

const samples = 10;

/**
 * When the clock `own` began, by the clock `machine`; both in milliseconds. Of several looks at both, the shortest
 * counts: a thread that is interrupted between the two would be wrong by as much for as long as it lives.
 */
export function findStart(machine: () => number, own: () => number): number {
  let startedMs = 0;
  let shortestMs = Infinity;
  for (let sample = 0; sample < samples; sample++) {
    const beforeMs = own();
    const machineMs = machine();
    const afterMs = own();
    if (afterMs - beforeMs >= shortestMs) continue;
    shortestMs = afterMs - beforeMs;
    startedMs = machineMs - (beforeMs + afterMs) / 2;
  }
  return startedMs;
}

const threadStartedMs = findStart(
  () => Number(process.hrtime.bigint()) / 1e6,
  () => performance.now(),
);

/** The time of `clock`, one of this thread's that reads `performance.now()`, on the scale of all threads. */
export function onSharedScale(clock: Clock): Clock {
  return { now: () => clock.now() + threadStartedMs, wall: () => clock.wall() };
}

/**
 * The machine's clock, counting from some moment before the process started. Two threads agree to well below a
 * millisecond.
 */
export const sharedClock: Clock = {
  now: () => performance.now() + threadStartedMs,
  wall: () => Date.now(),
};
