/**
 * Waits until a peer has everything that was written to it, so that the connection can be reset without taking back
 * what is on its way: a reset throws away what the kernel has not sent. If the kernel cannot be asked soon enough, it
 * waits for a fixed time instead.
 */
import type { SocketProgress } from "./kernel-socket.ts";
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import { type SendQueueAsker, type SendQueues, sendQueues } from "./send-queues.ts";

/** How often it asks the kernel, and how long it waits without an answer. */
const lookMs = 100;
const blindMs = 1_000;

/** Tells, once, when the peer has everything that was written, or has had `blindMs` to take it. Used once. */
export class LastBytes implements SendQueueAsker {
  readonly socket: SocketProgress;
  readonly #wheel: TimerWheel;
  readonly #queues: SendQueues;
  readonly #deadline: Deadline;
  readonly #onTaken: () => void;
  #isOver = false;
  /** What the deadline will find, unless it is known better until then. */
  #isTaken = true;

  /** @param onTaken called by the wheel, once */
  constructor(parts: {
    readonly socket: SocketProgress;
    readonly wheel: TimerWheel;
    readonly onTaken: () => void;
    readonly queues?: SendQueues;
  }) {
    this.socket = parts.socket;
    this.#wheel = parts.wheel;
    this.#onTaken = parts.onTaken;
    this.#queues = parts.queues ?? sendQueues;
    this.#deadline = new Deadline(this.#onDue);
    this.#wheel.arm(this.#deadline, blindMs);
    this.#queues.ask(this);
  }

  onSendQueue(byteCount: number): void {
    if (this.#isOver) return;
    this.#isTaken = byteCount <= 0;
    if (byteCount !== -1) this.#wheel.arm(this.#deadline, byteCount === 0 ? 0 : lookMs);
  }

  /** The connection is gone. */
  remove(): void {
    this.#isOver = true;
    this.#wheel.remove(this.#deadline);
  }

  readonly #onDue = (): void => {
    if (this.#isTaken) this.#onTaken();
    else this.#queues.ask(this);
  };
}
