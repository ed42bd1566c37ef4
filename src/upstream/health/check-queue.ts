/**
 * Bounds the number of checks under way for each upstream, first come, first served: checks that hang do not hold up
 * those of another upstream.
 */
import type { ScheduledCall } from "../../base/scheduler.ts";

/** Starts a task that calls `onDone` once when it is over, unless it is cancelled. */
type Task = (onDone: () => void) => ScheduledCall;

interface Line {
  running: number;
  readonly waiting: Set<() => void>;
}

/** Starts checks in the order in which they come, at most so many of each upstream at a time. */
export class CheckQueue {
  readonly #maxRunning: number;
  /** The upstreams that have checks under way. */
  readonly #lines = new Map<string, Line>();

  /** @param maxRunning at a time for one upstream */
  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /**
   * Starts `task` of `upstream` now or when its turn comes. @returns a function that cancels it, running or waiting.
   */
  start(upstream: string, task: Task): ScheduledCall {
    let line = this.#lines.get(upstream);
    if (line === undefined) this.#lines.set(upstream, (line = { running: 0, waiting: new Set() }));
    return this.#startIn(line, upstream, task);
  }

  #startIn(line: Line, upstream: string, task: Task): ScheduledCall {
    let running: ScheduledCall | null = null;
    let isOver = false;
    const leave = (): void => {
      if (isOver) return;
      isOver = true;
      line.running--;
      this.#startNext(line, upstream);
    };
    const begin = (): void => {
      line.running++;
      running = task(leave);
    };
    if (line.running < this.#maxRunning) begin();
    else line.waiting.add(begin);
    return {
      cancel: () => {
        if (line.waiting.delete(begin) || isOver) return;
        running?.cancel();
        leave();
      },
    };
  }

  #startNext(line: Line, upstream: string): void {
    const [next] = line.waiting;
    if (next !== undefined) {
      line.waiting.delete(next);
      next();
    } else if (line.running === 0) this.#lines.delete(upstream);
  }
}
