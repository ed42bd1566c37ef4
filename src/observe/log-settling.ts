/** Waits, at the end of a destination, until its lines are written, and no longer than makes sense. */

const settleMs = 2_000;
/**
 * A pipe, terminal or socket that took nothing for so long has a reader that stands still: the end of the process does
 * not wait for it.
 */
const stallMs = 500;

/** Whose lines are waited for. */
export interface SettlingHost {
  /** Bytes that the destination has taken so far. */
  readonly takenBytes: number;
  readonly hasLinesWaiting: boolean;
  /** It fails or hangs: waiting is of no use. */
  readonly isStuck: boolean;
  readonly isFile: boolean;
}

/** The waits for one destination. */
export class Settling {
  readonly #host: SettlingHost;
  #waiting: (() => void)[] = [];

  constructor(host: SettlingHost) {
    this.#host = host;
  }

  /**
   * Resolves when everything has been written or is lost; after two seconds at most, after half a second in which a
   * reader took nothing, and at once if the destination is stuck.
   */
  async wait(): Promise<void> {
    const host = this.#host;
    const untilMs = performance.now() + settleMs;
    let takenBytes = -1;
    while (host.hasLinesWaiting && !host.isStuck && performance.now() < untilMs && takenBytes !== host.takenBytes) {
      takenBytes = host.takenBytes;
      await this.#within(host.isFile ? settleMs : stallMs);
    }
  }

  /** Lines were written or lost: whoever waits is told if none is left. */
  note(): void {
    if (!this.#host.hasLinesWaiting) for (const done of this.#waiting.splice(0)) done();
  }

  async #within(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | null = null;
    await new Promise<void>((done) => {
      this.#waiting.push(done);
      timer = setTimeout(done, ms);
    });
    clearTimeout(timer!);
  }
}
