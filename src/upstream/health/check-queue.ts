/** Keeps the number of checks under way within bounds, first come, first served. */
import type { ScheduledCall } from "../../base/scheduler.ts";

/** Starts something that calls `onDone` once when it is over, unless it is cancelled. */
type Task = (onDone: () => void) => ScheduledCall;

export class CheckQueue {
  readonly #maxRunning: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /** Starts `task` now or when its turn comes. @returns what cancels it, running or waiting. */
  start(task: Task): ScheduledCall {
    let running: ScheduledCall | null = null;
    let isOver = false;
    const leave = (): void => {
      if (isOver) return;
      isOver = true;
      this.#running--;
      this.#startNext();
    };
    const begin = (): void => {
      this.#running++;
      running = task(leave);
    };
    if (this.#running < this.#maxRunning) begin();
    else this.#waiting.add(begin);
    return {
      cancel: () => {
        if (this.#waiting.delete(begin) || isOver) return;
        running?.cancel();
        leave();
      },
    };
  }

  #startNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}
