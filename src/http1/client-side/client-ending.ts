/**
 * How a client connection ends. After the last answer: FIN, then a moment in which what still comes is read and thrown
 * away, so that the kernel does not answer late bytes with a reset that destroys the answer (RFC 9112 section 9.6).
 * After the client's FIN it is served as long as it goes on taking its answers.
 */
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { Framing, type ReceivedRequest } from "../../http/message.ts";
import { LastBytes } from "../../net/last-bytes.ts";
import type { Wire } from "../../net/wire.ts";
import { type ClientDeadlines, Wait } from "./client-deadlines.ts";

/**
 * How long a client may pause, how long it may go on, and how much it may send of what nobody wants any more. Simple
 * clients send their whole body before they read.
 */
const lingerMs = 2_000;
const maxLingerMs = 30_000;
const maxDroppedBytes = 134_217_728;
/**
 * After the client's FIN: how long nothing of its answer may flow before it is taken for gone; and once the answer has
 * begun.
 */
const halfClosedMs = 500;
const halfClosedAnswerMs = 2_000;
/**
 * How many bytes the kernel sends at once whatever the peer does (ten segments, RFC 6928): a reset that follows them
 * cannot overtake them.
 */
const firstFlightBytes = 12_000;

/**
 * `close` = a FIN behind what was written, as far as the kernel has it; `reset` = what is not taken yet is lost, and
 * nobody can take the end for an orderly one.
 */
export type HowToEnd = "close" | "reset";

/**
 * Closes a client connection so that the client can read its answer to the end, within bounded time. One a connection.
 */
export class ClientEnding {
  /** The client sent FIN. */
  isHalfClosed = false;
  /** Our FIN is on its way. */
  hasEndedWriting = false;
  /** The answer must not look complete, and only a reset says so. */
  isBreakingOff = false;
  readonly #wire: Wire;
  readonly #deadlines: ClientDeadlines;
  readonly #wheel: TimerWheel;
  readonly #onOver: (how: HowToEnd) => void;
  /** The client may still send something, which must not be answered with a reset. */
  #isRestExpected = true;
  #droppedBytes = 0;
  #maxLingerMs = maxLingerMs;
  #lingersUntilMs = 0;
  #bytesTaken = 0;
  #writeMs = 0;
  #lastBytes: LastBytes | null = null;

  /** @param onOver both sides are done: the socket can be destroyed */
  constructor(parts: {
    readonly wire: Wire;
    readonly deadlines: ClientDeadlines;
    readonly wheel: TimerWheel;
    readonly onOver: (how: HowToEnd) => void;
  }) {
    this.#wire = parts.wire;
    this.#deadlines = parts.deadlines;
    this.#wheel = parts.wheel;
    this.#onOver = parts.onOver;
  }

  /**
   * `last` is answered, and nothing has come behind it. Nothing will, if the client has said so by `close` (RFC 9112
   * section 9.6). Not relied on if it has a body, because careless clients send a line end behind one; nor if it asks
   * for a tunnel, whose first bytes may be on their way.
   */
  noteLastRequest({ isKeptAlive, framing, upgrade }: ReceivedRequest): void {
    if (!isKeptAlive && framing === Framing.none && upgrade === null) this.#isRestExpected = false;
  }

  /** FIN, behind what is still to be written. */
  endWriting(): void {
    if (this.hasEndedWriting) return;
    this.hasEndedWriting = true;
    this.#wire.output.flush();
    this.#wire.end();
  }

  /**
   * FIN, and the moment after it. The FIN waits until everything is handed to the kernel: a socket whose FIN is on its
   * way cannot be reset any more.
   * @param writeMs how long the client may pause in taking what is still to be written; 0 = as long as it likes
   */
  linger(writeMs: number): void {
    if (this.isBreakingOff) return;
    this.#writeMs = writeMs;
    if (this.#wire.output.flush()) this.onWritten();
    else this.#awaitTaking();
  }

  /**
   * The answer has broken off and its end cannot be told from the connection's: what has come of it is written, then
   * the connection is reset. @param writeMs as in `linger`
   */
  breakOff(writeMs: number): void {
    this.isBreakingOff = true;
    this.#writeMs = writeMs;
    const isWritten = this.#wire.output.flush();
    this.#awaitTaking();
    if (isWritten) this.onWritten();
  }

  /** Everything is handed to the kernel. */
  onWritten(): void {
    if (this.isBreakingOff) this.#awaitLastBytes();
    // The kernel sends what it has, and our FIN behind it: no separate FIN, and no wait for the client's.
    else if ((this.isHalfClosed || !this.#isRestExpected) && !this.hasEndedWriting) this.#onOver("close");
    else {
      this.endWriting();
      if (this.isHalfClosed) this.#waitUntilFinished();
      else this.awaitRest();
    }
  }

  /** The client's FIN came after the last answer. */
  onClientEnd(): void {
    if (this.hasEndedWriting && !this.isBreakingOff) this.#waitUntilFinished();
  }

  /** The connection is gone. */
  remove(): void {
    this.#lastBytes?.remove();
  }

  #awaitTaking(): void {
    this.#deadlines.stopWaiting();
    this.#deadlines.awaitWriting(this.#writeMs, "taking");
  }

  /** What the kernel still holds would be lost with a reset. */
  #awaitLastBytes(): void {
    if (!this.#wire.canReset || this.#wire.writtenBytes <= firstFlightBytes) return this.#onOver("reset");
    this.#awaitTaking();
    this.#lastBytes ??= new LastBytes({
      socket: this.#wire.kernelSocket,
      wheel: this.#wheel,
      onTaken: () => this.#onOver("reset"),
    });
  }

  /** Nothing more will come: it is over when everything is written. */
  #waitUntilFinished(): void {
    if (this.#wire.isFinished) return this.#onOver("close");
    this.#awaitTaking();
    this.#wire.awaitFinish();
  }

  /** Everything, our FIN included, is handed to the kernel. */
  onFinish(): void {
    this.#onOver("close");
  }

  /** The answer is written: whatever the client still sends is waited for, to be thrown away. */
  awaitRest(): void {
    this.#lingersUntilMs = this.#deadlines.nowMs + this.#maxLingerMs;
    this.#deadlines.await(Wait.closing, lingerMs);
  }

  /** The connection is to end soon: a client that still sends has one pause more. */
  hurry(): void {
    this.#maxLingerMs = lingerMs;
    this.#lingersUntilMs = Math.min(this.#lingersUntilMs, this.#deadlines.nowMs + lingerMs);
  }

  /** Some of that rest came, and more is to come. */
  goOnAwaitingRest(): void {
    if (this.#deadlines.wait === Wait.closing)
      this.#deadlines.await(
        Wait.closing,
        Math.max(1, Math.min(lingerMs, this.#lingersUntilMs - this.#deadlines.nowMs)),
      );
  }

  /** Counts bytes that are thrown away. @returns false if they are too many in all */
  drop(byteCount: number): boolean {
    if (!this.#wire.output.isBlocked && !this.isHalfClosed) this.goOnAwaitingRest();
    this.#droppedBytes += byteCount;
    return this.#droppedBytes <= maxDroppedBytes;
  }

  /** Waits for a sign that a client which sends no more still takes its answer. @param answer whether it has begun */
  watchTaking(answer: "awaited" | "begun"): void {
    this.#bytesTaken = this.#taken;
    this.#deadlines.await(Wait.halfClosed, answer === "begun" ? halfClosedAnswerMs : halfClosedMs);
  }

  /**
   * Whether the client has taken something since `watchTaking`. While output is blocked, the write deadline judges
   * that, and this is true.
   */
  get hasTaken(): boolean {
    return this.#wire.output.isBlocked || this.#taken !== this.#bytesTaken;
  }

  get #taken(): number {
    return this.#wire.handedOnBytes;
  }
}
