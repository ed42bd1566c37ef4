/** When a destination is written to again that has failed, or is full. */

const firstRetryMs = 100;
const maxRetryMs = 1_000;
/** A pipe that is full is looked at again after a moment, then ever later. */
const firstFullMs = 1;
const maxFullMs = 64;

/** The next try of one destination: one at a time, ever later while it goes on failing. */
export class LogRetry {
  readonly #onTry: () => void;
  /** Tries that failed since one succeeded. */
  failures = 0;
  #fullMs = firstFullMs;
  #timer: NodeJS.Timeout | null = null;

  constructor(onTry: () => void) {
    this.#onTry = onTry;
  }

  /** Nothing is written until the next try. */
  get isArranged(): boolean {
    return this.#timer !== null;
  }

  /** A try has failed. */
  afterFailure(): void {
    this.#after(Math.min(firstRetryMs * 2 ** this.failures, maxRetryMs));
    this.failures = Math.min(this.failures + 1, 10);
  }

  /** The destination can take nothing now. */
  afterFull(): void {
    this.#after(this.#fullMs);
    this.#fullMs = Math.min(this.#fullMs * 2, maxFullMs);
  }

  /** There is more to write, and others have their turn first. */
  afterTurn(): void {
    if (this.#timer === null) this.#after(0);
  }

  /** A try has succeeded. */
  noteSuccess(): void {
    this.failures = 0;
    this.#fullMs = firstFullMs;
  }

  /** There is no next try. */
  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #after(delayMs: number): void {
    this.cancel();
    this.#timer = setTimeout(this.#onTimer, delayMs).unref();
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    this.#onTry();
  };
}
