/** The two waits of a client connection: for the client to send, and for the client to take. */
import type { SocketProgress } from "../../net/kernel-socket.ts";
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import { type ProgressKind, ProgressWatch } from "../../net/progress-watch.ts";

/** What is waited for on the reading side. */
export const Wait = { none: 0, idle: 1, head: 2, body: 3, closing: 4, halfClosed: 5 } as const;
export type Wait = (typeof Wait)[keyof typeof Wait];

/** Holds the two deadlines of one client connection. Durations in milliseconds; 0 = for ever. */
export class ClientDeadlines {
  wait: Wait = Wait.none;
  readonly #wheel: TimerWheel;
  readonly #reading: Deadline;
  /** Made when a client is slow for the first time. */
  #writing: ProgressWatch | null = null;
  readonly #socket: SocketProgress;
  readonly #onWriteDeadline: () => void;

  constructor(
    socket: SocketProgress,
    wheel: TimerWheel,
    onReadDeadline: (wait: Wait) => void,
    onWriteDeadline: () => void,
  ) {
    this.#socket = socket;
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

  /**
   * The client may pause for `delayMs` in taking what it is sent. @param kind `both`: what it sends meanwhile is
   * progress, too
   */
  awaitWriting(delayMs: number, kind: ProgressKind): void {
    this.#writing ??= new ProgressWatch({ socket: this.#socket, wheel: this.#wheel, onStalled: this.#onWriteDeadline });
    this.#writing.await(delayMs, kind);
  }

  stopWriting(): void {
    this.#writing?.stop();
  }

  /** The connection is gone. */
  remove(): void {
    this.#wheel.remove(this.#reading);
    this.#writing?.remove();
  }
}
