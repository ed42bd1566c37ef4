/** Notices that a destination takes nothing although lines wait for it: a disk that hangs, a reader that stands still. */
import { hangMs } from "./log-call.ts";

/** Whose destination is watched. */
export interface HangWatchHost {
  /** Bytes that the destination has taken so far. */
  readonly takenBytes: number;
  readonly hasLinesWaiting: boolean;
  /** Nothing has been taken for `hangMs`; called again after as long. */
  onHang(): void;
}

/** Looks every so often, while lines wait, whether some have been taken since the last look. */
export class HangWatch {
  readonly #host: HangWatchHost;
  #timer: NodeJS.Timeout | null = null;
  /** What had been taken at the last look. */
  #seenBytes = 0;

  constructor(host: HangWatchHost) {
    this.#host = host;
  }

  /** Lines wait. */
  start(): void {
    if (this.#timer !== null) return;
    this.#seenBytes = this.#host.takenBytes;
    this.#timer = setTimeout(this.#onTimer, hangMs).unref();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    if (!this.#host.hasLinesWaiting) return;
    if (this.#host.takenBytes === this.#seenBytes) this.#host.onHang();
    this.start();
  };
}
