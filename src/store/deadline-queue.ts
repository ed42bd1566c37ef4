/** Many waits of the same length with one timer: they end in the order in which they began. */
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";

/** Something that is waited for. */
export interface Wait {
  /** Set by its owner as soon as it is over. */
  isOver: boolean;
  onDue(): void;
}

/** How to run something after the input that has already arrived. */
export type AfterInput = (run: () => void) => void;

/** Calls back each wait that is not over in time; all have the same time. */
export class DeadlineQueue {
  readonly #scheduler: Scheduler;
  /** How long each wait may be, in milliseconds. */
  readonly timeoutMs: number;
  readonly #afterInput: AfterInput;
  #waits: { readonly wait: Wait; readonly dueMs: number }[] = [];
  /** Waits before this one are done with. */
  #head = 0;
  #timer: ScheduledCall | null = null;

  /**
   * @param afterInput default: `setImmediate`. A busy event loop runs timers before it reads: an answer that is there
   * already is in time.
   */
  constructor(options: {
    readonly scheduler: Scheduler;
    readonly timeoutMs: number;
    readonly afterInput?: AfterInput;
  }) {
    this.#scheduler = options.scheduler;
    this.timeoutMs = options.timeoutMs;
    this.#afterInput = options.afterInput ?? ((run) => void setImmediate(run));
  }

  /** How many entries it holds. For leak checks. */
  get length(): number {
    return this.#waits.length - this.#head;
  }

  add(wait: Wait): void {
    this.#sweep();
    this.#waits.push({ wait, dueMs: this.#scheduler.clock.now() + this.timeoutMs });
    this.#timer ??= this.#scheduler.after(this.timeoutMs, this.#onTimer);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waits = [];
    this.#head = 0;
  }

  readonly #onTimer = (): void => {
    const now = this.#scheduler.clock.now();
    this.#afterInput(() => {
      this.#timer = null;
      for (
        let next = this.#waits[this.#head];
        next !== undefined && (next.wait.isOver || next.dueMs <= now + 0.5);
        next = this.#waits[this.#head]
      ) {
        this.#head++;
        if (!next.wait.isOver) {
          next.wait.isOver = true;
          next.wait.onDue();
        }
      }
      this.#sweep();
      const next = this.#waits[this.#head];
      if (next !== undefined)
        this.#timer ??= this.#scheduler.after(Math.max(1, next.dueMs - this.#scheduler.clock.now()), this.#onTimer);
    });
  };

  /** Lets go of what is over, without moving the rest each time. */
  #sweep(): void {
    while (this.#waits[this.#head]?.wait.isOver === true) this.#head++;
    if (this.#head > 1_000 || this.#head === this.#waits.length) {
      this.#waits.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
