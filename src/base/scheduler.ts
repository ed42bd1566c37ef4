/**
 * Calls at a later time, as something that can be handed in: the machine's timers, or a `ManualScheduler` that a test
 * winds forward. For the control thread; the data path has its `TimerWheel`.
 */
import { type Clock, ManualClock, systemClock } from "./clock.ts";

/** A call that has not come yet. */
export interface ScheduledCall {
  /** Calls it off; harmless when it is over. */
  cancel(): void;
}

/** Arranges calls. */
export interface Scheduler {
  readonly clock: Clock;
  /** Calls `run` once, `delayMs` from now, never within this call. Does not keep the process alive. */
  after(delayMs: number, run: () => void): ScheduledCall;
}

/** The machine's timers. */
export const systemScheduler: Scheduler = {
  clock: systemClock,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Time that moves only when told to; for tests. */
export class ManualScheduler implements Scheduler {
  readonly clock: ManualClock;
  #calls: { readonly dueMs: number; readonly run: () => void }[] = [];

  constructor(clock: ManualClock = new ManualClock()) {
    this.clock = clock;
  }

  /** How many calls are arranged. For leak checks. */
  get pendingCount(): number {
    return this.#calls.length;
  }

  after(delayMs: number, run: () => void): ScheduledCall {
    const call = { dueMs: this.clock.now() + delayMs, run };
    this.#calls.push(call);
    return {
      cancel: () => {
        this.#calls = this.#calls.filter((other) => other !== call);
      },
    };
  }

  /** Moves the clock `ms` forward, making every call on its way, in order of time. */
  advance(ms: number): void {
    const endMs = this.clock.now() + ms;
    for (let next = this.#nextBy(endMs); next !== undefined; next = this.#nextBy(endMs)) {
      const call = next;
      this.#calls = this.#calls.filter((other) => other !== call);
      this.clock.advance(Math.max(0, call.dueMs - this.clock.now()));
      call.run();
    }
    this.clock.advance(endMs - this.clock.now());
  }

  #nextBy(endMs: number): { readonly dueMs: number; readonly run: () => void } | undefined {
    let next: { readonly dueMs: number; readonly run: () => void } | undefined;
    for (const call of this.#calls)
      if (call.dueMs <= endMs && (next === undefined || call.dueMs < next.dueMs)) next = call;
    return next;
  }
}
