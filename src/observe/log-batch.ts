/**
 * Gathers the lines of a thread into batches, so that a line costs the data path no more than writing its bytes. Batches
 * are sent every so often, and before they grow large.
 */
import { fullBlockBytes, LineBlock } from "./line-block.ts";

/** Takes batches. */
export interface LogSink {
  /**
   * Takes `lineCount` complete lines; `lines` is its own from then on. @param lostBefore lines that were lost since the
   * batch before
   * @returns false if they cannot be taken now
   */
  (lines: Buffer, lineCount: number, lostBefore: number): boolean;
}

const defaultIntervalMs = 100;

/** The batches of one log in one thread. */
export class LogBatch {
  /** Lines are written here, each whole, with its line feed, and followed by `noteLine`. */
  readonly block = new LineBlock();
  readonly #send: LogSink;
  readonly #intervalMs: number;
  #lineCount = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param intervalMs how long a line may wait for others, default 100 */
  constructor(send: LogSink, intervalMs: number = defaultIntervalMs) {
    this.#send = send;
    this.#intervalMs = intervalMs;
  }

  /** A line is complete. */
  noteLine(): void {
    this.#lineCount++;
    if (this.block.end >= fullBlockBytes) this.flush();
    else this.#timer ??= setTimeout(this.#onTimer, this.#intervalMs).unref();
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lineCount === 0) return;
    const lineCount = this.#lineCount;
    this.#lineCount = 0;
    if (this.#send(this.block.take(), lineCount, this.#lost)) this.#lost = 0;
    else this.#lost += lineCount;
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    this.flush();
  };
}
