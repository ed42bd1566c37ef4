/** The two waits of a client connection: for the client to send, and for the client to take. */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";

/** What is waited for on the reading side. */
export const Wait = { none: 0, idle: 1, head: 2, body: 3, closing: 4, halfClosed: 5 } as const;
export type Wait = (typeof Wait)[keyof typeof Wait];

/** One a connection. Durations in milliseconds; 0 = for ever. */
export class ServerDeadlines {
  wait: Wait = Wait.none;
  readonly #wheel: TimerWheel;
  readonly #reading: Deadline;
  /** Made when a client is slow for the first time. */
  #writing: Deadline | null = null;
  readonly #onWriteDeadline: () => void;

  constructor(wheel: TimerWheel, onReadDeadline: (wait: Wait) => void, onWriteDeadline: () => void) {
    this.#wheel = wheel;
    this.#reading = new Deadline(() => {
      const wait = this.wait;
      this.wait = Wait.none;
      onReadDeadline(wait);
    });
    this.#onWriteDeadline = onWriteDeadline;
  }

  get nowMs(): number {
    return this.#wheel.clock.now();
  }

  /** Waits anew, for `wait`. */
  await(wait: Wait, delayMs: number): void {
    this.wait = wait;
    if (delayMs > 0) this.#wheel.arm(this.#reading, delayMs);
    else this.#wheel.disarm(this.#reading);
  }

  stopWaiting(): void {
    this.wait = Wait.none;
    this.#wheel.disarm(this.#reading);
  }

  awaitWriting(delayMs: number): void {
    if (delayMs > 0) this.#wheel.arm((this.#writing ??= new Deadline(this.#onWriteDeadline)), delayMs);
  }

  stopWriting(): void {
    if (this.#writing !== null) this.#wheel.disarm(this.#writing);
  }

  /** The connection is gone. */
  remove(): void {
    this.#wheel.remove(this.#reading);
    if (this.#writing !== null) this.#wheel.remove(this.#writing);
  }
}
