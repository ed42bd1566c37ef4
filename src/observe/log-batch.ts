/**
 * Gathers the lines of a thread into batches, so that a line costs the data path no more than appending text. Batches
 * are sent every so often, and before they grow large.
 */

/** Takes batches. */
export interface LogSink {
  /**
   * Takes `lineCount` complete lines. @param lostBefore lines that were lost since the batch before
   * @returns false if they cannot be taken now
   */
  (lines: string, lineCount: number, lostBefore: number): boolean;
}

const maxBatchLength = 64 * 1024;
const defaultIntervalMs = 100;

/** The batches of one log in one thread. */
export class LogBatch {
  readonly #send: LogSink;
  readonly #intervalMs: number;
  #lines = "";
  #lineCount = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param intervalMs how long a line may wait for others, default 100 */
  constructor(send: LogSink, intervalMs: number = defaultIntervalMs) {
    this.#send = send;
    this.#intervalMs = intervalMs;
  }

  /** Takes a complete line (ASCII, with its line feed). */
  add(line: string): void {
    if (this.#lines.length + line.length > maxBatchLength) this.flush();
    this.#lines += line;
    this.#lineCount++;
    this.#timer ??= setTimeout(this.#onTimer, this.#intervalMs).unref();
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lineCount === 0) return;
    const lines = this.#lines;
    const lineCount = this.#lineCount;
    this.#lines = "";
    this.#lineCount = 0;
    if (this.#send(lines, lineCount, this.#lost)) this.#lost = 0;
    else this.#lost += lineCount;
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    this.flush();
  };
}
