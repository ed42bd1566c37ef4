/**
 * How a client connection ends. After the last answer: FIN, then a moment in which what still comes is read and thrown away, so that the kernel does not answer late bytes
 * with a reset that destroys the answer (RFC 9112 section 9.6). After the client's FIN: it is served as long as it takes what it is owed.
 */
import type { Socket } from "node:net";
import type { Output } from "./output.ts";
import { type ServerDeadlines, Wait } from "./server-deadlines.ts";

/** How long a client may pause, how long it may go on, and how much it may send of what nobody wants any more. Simple clients send their whole body before they read. */
const lingerMs = 2_000;
const maxLingerMs = 30_000;
const maxDroppedBytes = 134_217_728;
/** After the client's FIN: how long it may take nothing of its answer before it is taken for gone. */
const halfClosedMs = 500;

/** Ends a connection at once and, where there is such a thing, with a reset. */
export function reset(socket: Socket): void {
  // A Unix socket (which has no address) knows no reset: Node throws. One whose FIN is on its way cannot be reset: Node would never close it.
  if (socket.remoteAddress === undefined || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** See the head of this file. One a connection. */
export class ServerEnding {
  /** The client sent FIN. */
  isHalfClosed = false;
  /** Our FIN is on its way. */
  hasEndedWriting = false;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #deadlines: ServerDeadlines;
  readonly #onOver: () => void;
  #droppedBytes = 0;
  #maxLingerMs = maxLingerMs;
  #lingersUntilMs = 0;
  #bytesTaken = 0;

  /** @param onOver both sides are done: the socket can be destroyed */
  constructor(parts: { readonly socket: Socket; readonly output: Output; readonly deadlines: ServerDeadlines; readonly onOver: () => void }) {
    this.#socket = parts.socket;
    this.#output = parts.output;
    this.#deadlines = parts.deadlines;
    this.#onOver = parts.onOver;
  }

  /** FIN, behind what is still to be written. */
  endWriting(): void {
    if (this.hasEndedWriting) return;
    this.hasEndedWriting = true;
    this.#output.flush();
    this.#socket.end();
  }

  /** FIN, and the moment after it. @param writeMs how long the client may take over what is still to be written; 0 = as long as it likes */
  linger(writeMs: number): void {
    this.endWriting();
    if (this.isHalfClosed) this.waitUntilWritten(writeMs);
    else if (this.#output.isBlocked) this.#deadlines.await(Wait.closing, writeMs);
    else this.awaitRest();
  }

  /** Nothing more will come: it is over when everything is written. */
  waitUntilWritten(writeMs: number): void {
    if (this.#socket.writableFinished) return this.#onOver();
    this.#deadlines.await(Wait.closing, writeMs);
    this.#socket.once("finish", this.#onOver);
  }

  /** The answer is written: whatever the client still sends is waited for, to be thrown away. */
  awaitRest(): void {
    this.#lingersUntilMs = this.#deadlines.nowMs + this.#maxLingerMs;
    this.#deadlines.await(Wait.closing, lingerMs);
  }

  /** We want to be gone: whoever still sends has no longer than one pause. */
  hurry(): void {
    this.#maxLingerMs = lingerMs;
    this.#lingersUntilMs = Math.min(this.#lingersUntilMs, this.#deadlines.nowMs + lingerMs);
  }

  /** Some of that rest came, and more is to come. */
  goOnAwaitingRest(): void {
    if (this.#deadlines.wait === Wait.closing) this.#deadlines.await(Wait.closing, Math.max(1, Math.min(lingerMs, this.#lingersUntilMs - this.#deadlines.nowMs)));
  }

  /** Bytes came that nobody wants. @returns false where they are too many */
  drop(byteCount: number): boolean {
    if (!this.#output.isBlocked && !this.isHalfClosed) this.goOnAwaitingRest();
    this.#droppedBytes += byteCount;
    return this.#droppedBytes <= maxDroppedBytes;
  }

  /** Waits for a sign that a client which sends no more still takes its answer. */
  watchTaking(): void {
    this.#bytesTaken = this.#taken;
    this.#deadlines.await(Wait.halfClosed, halfClosedMs);
  }

  /** Has it taken something since? A client that is gone does not. */
  get hasTaken(): boolean {
    return this.#taken !== this.#bytesTaken;
  }

  get #taken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }
}
