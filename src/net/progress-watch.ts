/**
 * Watches a slow peer and tells when it has taken nothing for a given time. Progress is seen before a write is
 * complete, by three signs, the cheap ones first: what Node.js has handed to libuv, what libuv has left to hand on (a
 * write that the kernel took in part), and what the kernel has left to send (`net/send-queues.ts`).
 *
 * It looks twice in each time allowed. A peer is given up at a look that finds no progress, if the last look with
 * progress is at least that time ago: never before the time is over, and at most half of it later. If the kernel cannot
 * be asked in time, the peer is given up after twice the time.
 */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import type { SocketProgress } from "./kernel-socket.ts";
import { type SendQueueAsker, type SendQueues, sendQueues } from "./send-queues.ts";

/** What counts as progress: `taking` = bytes that the peer takes; `both` = also bytes that come from it. */
export type ProgressKind = "taking" | "both";

/** What a watch is made of. */
export interface ProgressWatchParts {
  readonly socket: SocketProgress;
  readonly wheel: TimerWheel;
  /** Called when there was no progress for the time allowed. The watch has ended by then. */
  readonly onStalled: () => void;
  /** Default: the thread's. */
  readonly queues?: SendQueues;
}

/**
 * Tells when a peer has made no progress for a given time. One for each socket, made when its peer is slow for the
 * first time.
 */
export class ProgressWatch implements SendQueueAsker {
  readonly socket: SocketProgress;
  readonly #wheel: TimerWheel;
  readonly #queues: SendQueues;
  readonly #onStalled: () => void;
  readonly #deadline: Deadline;
  #kind: ProgressKind = "both";
  /** 0 = it is not watching. */
  #timeoutMs = 0;
  #progressMs = 0;
  // What was seen last.
  #handedOn = 0;
  #leftToHandOn = 0;
  #received = 0;
  /** -1 = not known. */
  #leftToSend = -1;
  #isAsking = false;
  #isStalled = false;

  constructor(parts: ProgressWatchParts) {
    this.socket = parts.socket;
    this.#wheel = parts.wheel;
    this.#queues = parts.queues ?? sendQueues;
    this.#onStalled = parts.onStalled;
    this.#deadline = new Deadline(this.#look);
  }

  /** Gives the peer `timeoutMs` from now for each progress; 0 = as long as it likes. */
  await(timeoutMs: number, kind: ProgressKind): void {
    this.#timeoutMs = timeoutMs;
    this.#kind = kind;
    if (timeoutMs === 0) return this.stop();
    this.#hasMoved();
    this.#noteProgress();
  }

  stop(): void {
    this.#timeoutMs = 0;
    this.#wheel.disarm(this.#deadline);
  }

  /** The connection is gone. */
  remove(): void {
    this.#timeoutMs = 0;
    this.#wheel.remove(this.#deadline);
  }

  onSendQueue(byteCount: number): void {
    this.#isAsking = false;
    if (this.#timeoutMs === 0) return;
    const before = this.#leftToSend;
    this.#leftToSend = byteCount;
    if (this.#hasMoved() || (before !== -1 && byteCount !== -1 && byteCount < before)) this.#noteProgress();
    else if (this.#isOver(1)) {
      // The owner is told at the next tick of the wheel, which handles what the owner may throw.
      this.#isStalled = true;
      this.#wheel.arm(this.#deadline, 0);
    }
  }

  readonly #look = (): void => {
    if (this.#timeoutMs === 0) return;
    if (this.#hasMoved()) {
      this.#leftToSend = -1;
      this.#noteProgress();
    } else if (this.#isStalled) this.#giveUp();
    else if (this.#isAsking) {
      // The kernel could not be asked in time: that counts as no progress.
      if (this.#isOver(2)) this.#giveUp();
      else this.#armNext();
    } else {
      this.#isAsking = true;
      this.#armNext();
      this.#queues.ask(this);
    }
  };

  #noteProgress(): void {
    this.#progressMs = this.#wheel.clock.now();
    this.#isStalled = false;
    this.#armNext();
  }

  #armNext(): void {
    this.#wheel.arm(this.#deadline, Math.ceil(this.#timeoutMs / 2));
  }

  #isOver(times: number): boolean {
    return this.#wheel.clock.now() - this.#progressMs >= times * this.#timeoutMs;
  }

  #giveUp(): void {
    this.stop();
    this.#onStalled();
  }

  /** Has anything become different since the last time? */
  #hasMoved(): boolean {
    const { socket } = this;
    const handedOn = socket.bytesWritten - socket.unsentBytes;
    const leftToHandOn = socket.partlySentMark;
    const received = this.#kind === "both" ? socket.bytesRead : 0;
    const hasMoved = handedOn !== this.#handedOn || leftToHandOn !== this.#leftToHandOn || received !== this.#received;
    this.#handedOn = handedOn;
    this.#leftToHandOn = leftToHandOn;
    this.#received = received;
    return hasMoved;
  }
}
