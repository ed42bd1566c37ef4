/**
 * One connection to an endpoint: writes request heads and bodies, reads answers, and decides whether it may serve again.
 * Owns the join of both halves: it goes back to the pool only when the request is fully written, the answer fully read by exact framing, nothing is left over and
 * both sides keep it (RFC 9112 section 9.3); any byte or FIN while idle ends it.
 *
 * The read buffer belongs to the connection and is used again after each read, unless the receiver could not pass the bytes on at once.
 */
import { connect, type Socket } from "node:net";
import type { EndOfTurn, EndOfTurnTask } from "../base/end-of-turn.ts";
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import type { BodySink } from "../http/exchange.ts";
import { Framing, type ResponseHead } from "../http/message.ts";
import { ProxyError, type ReasonCode } from "../http/reason.ts";
import { ChunkedDecoder, ChunkEvent, hasBareLineEnd } from "./chunked-decoder.ts";
import { Output } from "./output.ts";
import type { HeadLimits } from "./request-parser.ts";
import { parseResponseHead, parsedResponse } from "./response-parser.ts";

/** What an attempt can do while it is under way. */
export interface AttemptHandle {
  /** The receiver can take more of the answer. */
  resume(attempt: ClientAttempt): void;
  /** Gives the attempt up: no callback follows, and its connection is closed where it cannot be kept. */
  cancel(attempt: ClientAttempt): void;
}

/** One try of an exchange at one endpoint, as a connection sees it. Exactly one of `onEnd` and `onError` ends it, unless it is cancelled. */
export interface ClientAttempt {
  /** Who carries it now; kept up to date by whoever does. */
  handle: AttemptHandle | null;
  /** The whole request head to write, with its empty line; validated. */
  readonly head: string;
  /** May share a connection with others in flight: safe method, no body, not an upgrade. */
  readonly isPipelinable: boolean;
  readonly hasBody: boolean;
  /** The body has no known length. */
  readonly hasChunkedBody: boolean;
  /** Method HEAD: the answer has no body. */
  readonly isHeadMethod: boolean;
  /** A request to switch protocols: 101 is allowed. */
  readonly isUpgrade: boolean;
  /** The connection is there and the head is on its way. Where there is a body, `body` is where it goes; it may be started now or later. */
  onConnected(body: BodySink, isReused: boolean): void;
  /** The endpoint can take more of the request body. */
  onBodyWritable(): void;
  onInterim(head: ResponseHead): void;
  /** The final answer, or a 101 that was asked for: then the connection is a tunnel from here on, `body` included. */
  onHead(head: ResponseHead): void;
  /** `chunk` is the connection's again after `onReadEnd`, unless that answers false. */
  onData(chunk: Buffer): void;
  /** Nothing more in this read. @returns false to pause; then the chunks of this read stay untouched until `resume`. */
  onReadEnd(): boolean;
  /** The answer is complete (in a tunnel: the endpoint sends no more). */
  onEnd(trailers: string): void;
  onError(error: ProxyError): void;
}

/** Where the connection belongs. */
export interface ConnectionOwner {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  readonly limits: HeadLimits;
  /** Milliseconds; 0 = none. */
  readonly timeouts: { readonly connect: number; readonly firstByte: number; readonly idle: number; readonly tunnelIdle: number };
  /** Nothing is in flight any more and it may serve again. */
  onIdle(connection: ClientConnection, keepAliveHintMs: number): void;
  onClosed(connection: ClientConnection): void;
  /** A new connection is up and its first attempt is being written. */
  onConnected(attempt: ClientAttempt): void;
  /** `attempt` could not be started: nothing was sent. The owner tries elsewhere or tells it. */
  onConnectFailed(attempt: ClientAttempt, error: ProxyError): void;
  /** A bug of ours ended the connection. */
  onInternalError(error: unknown): void;
}

/** Where to connect: an address and port, or the path of a Unix socket. */
export type ConnectionTarget = { readonly host: string; readonly port: number } | { readonly path: string };

const State = { connecting: 0, idle: 1, head: 2, length: 3, chunked: 4, untilClose: 5, tunnel: 6, closed: 7 } as const;
const Wait = { none: 0, connect: 1, firstByte: 2, idle: 3, pooled: 4 } as const;

const firstBufferBytes = 16_384;
const largestBufferBytes = 262_144;
const maxInterimCount = 16;
const maxSkippedBytes = 262_144;

/** Stands in for a pipelined attempt that was given up: its answer is read and thrown away. */
class SkippedAttempt implements ClientAttempt {
  handle = null;
  readonly head = "";
  readonly isPipelinable = true;
  readonly hasBody = false;
  readonly hasChunkedBody = false;
  readonly isHeadMethod: boolean;
  readonly isUpgrade = false;

  constructor(isHeadMethod: boolean) {
    this.isHeadMethod = isHeadMethod;
  }

  onConnected(): void {}
  onBodyWritable(): void {}
  onInterim(): void {}
  onHead(): void {}
  onData(): void {}
  onReadEnd(): boolean {
    return true;
  }
  onEnd(): void {}
  onError(): void {}
}

/** A connection to an endpoint. */
export class ClientConnection implements BodySink, AttemptHandle, EndOfTurnTask {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #deadline: Deadline;
  #state: number = State.connecting;
  #wait: number = Wait.none;
  /** In flight, oldest first; answers come in this order. */
  readonly #attempts: ClientAttempt[] = [];
  /** How many of them do not share. */
  #exclusiveCount = 0;
  #served = 0;
  #head: ResponseHead | null = null;
  #remaining = 0;
  #decoder: ChunkedDecoder | null = null;
  #interimCount = 0;
  #isRequestWritten = true;
  #isPaused = false;
  #isDraining = false;
  #isFlushPlanned = false;
  #hasEndedWriting = false;
  /** The start of an answer's head that has not arrived whole. */
  #partial: Buffer | null = null;
  #readBuffer: Buffer;
  #nextReadBuffer: Buffer | undefined;

  /** Connects, and serves `first` when that is done. */
  constructor(owner: ConnectionOwner, target: ConnectionTarget, first: ClientAttempt) {
    this.#owner = owner;
    this.#attempts.push(first);
    first.handle = this;
    if (!first.isPipelinable) this.#exclusiveCount++;
    this.#readBuffer = Buffer.allocUnsafeSlow(firstBufferBytes);
    this.#nextReadBuffer = this.#readBuffer;
    const socket = connect({
      ...target,
      noDelay: true,
      allowHalfOpen: true,
      autoSelectFamily: false,
      onread: { buffer: this.#takeReadBuffer as () => Buffer, callback: this.#onRead },
    });
    this.#socket = socket;
    this.#output = new Output(socket, this.#onWritable);
    this.#deadline = new Deadline(this.#onDeadline);
    socket.on("connect", this.#onConnect);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    this.#arm(Wait.connect, owner.timeouts.connect);
  }

  /** How many attempts are in flight on it. */
  get inFlight(): number {
    return this.#attempts.length;
  }

  /** It has proved to be persistent, and everything in flight on it may share it. */
  get isPipeliner(): boolean {
    return this.#served > 0 && this.#state !== State.closed && !this.#isPaused && !this.#isDraining && this.#isRequestWritten
      && this.#exclusiveCount === 0;
  }

  get isClosed(): boolean {
    return this.#state === State.closed;
  }

  /** Writes `attempt` to the connection, which is idle or pipelines. */
  start(attempt: ClientAttempt): void {
    this.#attempts.push(attempt);
    attempt.handle = this;
    if (!attempt.isPipelinable) this.#exclusiveCount++;
    this.#wait = Wait.none;
    try {
      this.#write(attempt, true);
    } catch (error) {
      this.#crash(error);
    }
  }

  #write(attempt: ClientAttempt, isReused: boolean): void {
    if (this.#attempts[0] === attempt) {
      this.#state = State.head;
      this.#interimCount = 0;
    }
    this.#output.text(attempt.head);
    this.#isRequestWritten = !attempt.hasBody;
    if (this.#attempts.length === 1) this.#arm(Wait.firstByte, this.#owner.timeouts.firstByte);
    attempt.onConnected(this, isReused);
    if (this.#state === State.closed) return;
    if (!attempt.isPipelinable || !isReused) this.#output.flush();
    else if (!this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      this.#owner.endOfTurn.add(this);
    }
  }

  runAtEndOfTurn(): void {
    this.#isFlushPlanned = false;
    if (this.#state !== State.closed) this.#output.flush();
  }

  // The request body, and the client's bytes in a tunnel.

  onBodyData(chunk: Buffer): void {
    if (this.#state === State.closed || this.#hasEndedWriting) return;
    if (this.#state !== State.tunnel && this.#attempts[0]!.hasChunkedBody) {
      this.#output.text(`${chunk.length.toString(16)}\r\n`);
      this.#output.bytes(chunk);
      this.#output.text("\r\n");
    } else this.#output.bytes(chunk);
  }

  /** So that small bodies leave with their head, nothing is written before. */
  onBodyFlush(): boolean {
    if (this.#state === State.closed) return true;
    const isWritable = this.#output.flush();
    this.#rearm();
    return isWritable;
  }

  onBodyEnd(trailers: string): void {
    if (this.#state === State.closed || this.#hasEndedWriting) return;
    if (this.#state === State.tunnel) {
      this.#output.flush();
      this.#hasEndedWriting = true;
      this.#socket.end();
      return;
    }
    if (this.#attempts[0]?.hasChunkedBody === true) this.#output.text(`0\r\n${trailers}\r\n`);
    this.#isRequestWritten = true;
    this.#output.flush();
    this.#rearm();
  }

  onBodyAbort(): void {
    // A request that stays incomplete can only be ended by ending its connection; the exchange that owns it is over by itself.
    this.#destroy();
  }

  resume(attempt: ClientAttempt): void {
    if (this.#attempts[0] === attempt) this.#unpause();
  }

  #unpause(): void {
    if (!this.#isPaused || this.#state === State.closed) return;
    this.#isPaused = false;
    this.#rearm();
    this.#socket.resume();
  }

  /** Others in flight beside it are kept going where the rest of its answer is small enough to be skipped. */
  cancel(attempt: ClientAttempt): void {
    const index = this.#attempts.indexOf(attempt);
    if (index === -1) return;
    const isSkippable = index > 0 || this.#state === State.head || (this.#state === State.length && this.#remaining <= maxSkippedBytes);
    if (this.#attempts.length > 1 && attempt.isPipelinable && isSkippable) {
      this.#attempts[index] = new SkippedAttempt(attempt.isHeadMethod);
      if (index === 0) this.#unpause();
      return;
    }
    this.#attempts.splice(index, 1);
    this.#failAll("UPSTREAM_RESET", "given up");
  }

  /** Closes it as soon as nothing is in flight. */
  drain(): void {
    this.#isDraining = true;
    if (this.#attempts.length === 0) this.#destroy();
  }

  /** Closes it now; attempts in flight fail. */
  close(): void {
    this.#failAll("UPSTREAM_RESET", "closed");
  }

  /** Waits in the pool for at most `idleMs`. */
  park(idleMs: number): void {
    this.#arm(Wait.pooled, idleMs);
  }

  // Socket events.

  readonly #takeReadBuffer = (): Buffer | undefined => {
    const buffer = this.#nextReadBuffer;
    this.#nextReadBuffer = undefined;
    return buffer;
  };

  readonly #onConnect = (): void => {
    const attempt = this.#attempts[0];
    if (attempt === undefined || this.#state !== State.connecting) return;
    this.#wait = Wait.none;
    this.#owner.onConnected(attempt);
    try {
      this.#write(attempt, false);
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onRead = (byteCount: number, buffer: Uint8Array): boolean => {
    if (this.#state === State.closed) return true;
    try {
      const bytes = buffer as Buffer;
      if (this.#partial !== null) this.#readJoined(bytes.subarray(0, byteCount));
      else this.#read(bytes, byteCount);
    } catch (error) {
      this.#crash(error);
    }
    // A full buffer means that more is waiting: fewer, larger reads.
    if (byteCount === buffer.length && byteCount < largestBufferBytes) this.#nextReadBuffer = this.#readBuffer = Buffer.allocUnsafeSlow(byteCount * 4);
    return true;
  };

  #readJoined(chunk: Buffer): void {
    const before = this.#partial!;
    this.#partial = null;
    const joined = Buffer.concat([before, chunk]);
    // Parsing starts again only when the end of the head, or something that can never be right, may have come: linear work on a trickle.
    const isWorthReading = joined.indexOf("\r\n\r\n", Math.max(0, before.length - 3), "latin1") !== -1
      || joined.length > this.#owner.limits.headBytes || hasBareLineEnd(joined, before.length);
    if (isWorthReading) this.#read(joined, joined.length);
    else this.#partial = joined;
  }

  #read(bytes: Buffer, end: number): void {
    let at = 0;
    while (at < end && this.#state !== State.closed) {
      switch (this.#state) {
        case State.head:
          at = this.#readHead(bytes, at, end);
          if (at === -1) return;
          break;
        case State.length: {
          const stop = Math.min(end, at + this.#remaining);
          this.#remaining -= stop - at;
          this.#attempts[0]?.onData(bytes.subarray(at, stop));
          at = stop;
          if (this.#remaining === 0) this.#complete("", at < end);
          break;
        }
        case State.chunked: {
          const decoder = this.#decoder!;
          at = decoder.next(bytes, at, end);
          if (decoder.event === ChunkEvent.data) this.#attempts[0]?.onData(bytes.subarray(decoder.dataStart, decoder.dataEnd));
          else if (decoder.event === ChunkEvent.end) this.#complete(decoder.trailers, at < end);
          else if (decoder.event !== ChunkEvent.needMore) this.#fail("UPSTREAM_BAD_RESPONSE", "bad chunk");
          break;
        }
        case State.untilClose:
        case State.tunnel:
          this.#attempts[0]?.onData(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
          at = end;
          break;
        default:
          // Bytes that nobody asked for: the answer to nobody must never become the answer to somebody (response queue poisoning).
          this.#destroy();
          return;
      }
    }
    if (this.#state === State.closed || this.#state === State.idle) return;
    const attempt = this.#attempts[0];
    if (attempt !== undefined && this.#head !== null && !attempt.onReadEnd()) this.#pause();
    this.#rearm();
  }

  #pause(): void {
    if (this.#state === State.closed) return;
    this.#isPaused = true;
    this.#wait = Wait.none;
    this.#owner.wheel.disarm(this.#deadline);
    this.#socket.pause();
    // The receiver still holds slices of the old one.
    this.#nextReadBuffer = this.#readBuffer = Buffer.allocUnsafeSlow(this.#readBuffer.length);
  }

  /** @returns the offset behind the head, or -1 when there is nothing more to do with these bytes */
  #readHead(bytes: Buffer, at: number, end: number): number {
    const attempt = this.#attempts[0]!;
    parseResponseHead(bytes, at, end, this.#owner.limits, attempt.isHeadMethod);
    if (parsedResponse.failure !== null) {
      this.#fail(parsedResponse.failure, parsedResponse.detail);
      return -1;
    }
    const head = parsedResponse.head;
    if (head === null) {
      this.#partial = Buffer.from(bytes.subarray(at, end));
      return -1;
    }
    const next = parsedResponse.next;
    if (head.status < 200) return this.#readInterim(attempt, head) ? next : -1;
    this.#head = head;
    switch (head.framing) {
      case Framing.length:
        this.#state = State.length;
        this.#remaining = head.contentLength;
        break;
      case Framing.chunked:
        this.#state = State.chunked;
        (this.#decoder ??= new ChunkedDecoder()).reset();
        break;
      case Framing.close:
        this.#state = State.untilClose;
        break;
    }
    attempt.onHead(head);
    if (this.#state === State.closed) return -1;
    if (head.framing === Framing.none || (head.framing === Framing.length && head.contentLength === 0)) this.#complete("", next < end);
    return next;
  }

  #readInterim(attempt: ClientAttempt, head: ResponseHead): boolean {
    if (head.status === 101) {
      // RFC 9110 section 15.2.2: only what was asked for.
      if (!attempt.isUpgrade || head.upgrade?.toLowerCase() !== "websocket") {
        this.#fail("UPSTREAM_BAD_UPGRADE", "");
        return false;
      }
      this.#head = head;
      this.#state = State.tunnel;
      attempt.onHead(head);
      return true;
    }
    if (++this.#interimCount > maxInterimCount) {
      this.#fail("UPSTREAM_BAD_RESPONSE", "too many interim answers");
      return false;
    }
    attempt.onInterim(head);
    return true;
  }

  #complete(trailers: string, hasMore: boolean): void {
    const attempt = this.#attempts.shift();
    if (attempt?.isPipelinable === false) this.#exclusiveCount--;
    const head = this.#head!;
    this.#head = null;
    const isReusable = head.isKeptAlive && this.#isRequestWritten && !this.#isDraining;
    this.#served++;
    if (!isReusable || (hasMore && this.#attempts.length === 0)) {
      attempt?.onEnd(trailers);
      // What was pipelined behind the last answer is lost with the connection, unanswered.
      this.#failAll("UPSTREAM_RESET", "closed after an answer");
      return;
    }
    this.#interimCount = 0;
    if (this.#attempts.length > 0) {
      this.#state = State.head;
      this.#arm(Wait.firstByte, this.#owner.timeouts.firstByte);
    } else {
      this.#state = State.idle;
      this.#owner.onIdle(this, head.keepAliveHintMs);
    }
    attempt?.onEnd(trailers);
  }

  readonly #onEnd = (): void => {
    try {
      if (this.#state === State.untilClose) {
        const attempt = this.#attempts.shift();
        this.#destroy();
        attempt?.onEnd("");
      } else if (this.#state === State.tunnel) {
        // Half-close: the other direction goes on.
        this.#attempts[0]?.onEnd("");
      } else this.#failAll(this.#lossCode(), "FIN");
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#failAll(this.#lossCode(), error.code ?? error.message);
  };

  readonly #onClose = (): void => {
    this.#failAll(this.#lossCode(), "closed");
  };

  #lossCode(): ReasonCode {
    if (this.#state === State.connecting) return "UPSTREAM_CONNECT_FAILED";
    return this.#head === null ? "UPSTREAM_RESET" : "UPSTREAM_TRUNCATED";
  }

  readonly #onWritable = (): void => {
    if (this.#state !== State.closed && (!this.#isRequestWritten || this.#state === State.tunnel)) {
      this.#rearm();
      this.#attempts[0]?.onBodyWritable();
    }
  };

  readonly #onDeadline = (): void => {
    switch (this.#wait) {
      case Wait.connect: return this.#failAll("UPSTREAM_CONNECT_TIMEOUT", "");
      case Wait.firstByte: return this.#failAll("UPSTREAM_FIRST_BYTE_TIMEOUT", "");
      case Wait.idle: return this.#failAll("UPSTREAM_IDLE_TIMEOUT", "");
      case Wait.pooled: return this.#destroy();
    }
  };

  // Deadlines.

  #arm(wait: number, delayMs: number): void {
    this.#wait = wait;
    if (delayMs > 0) this.#owner.wheel.arm(this.#deadline, delayMs);
    else this.#owner.wheel.disarm(this.#deadline);
  }

  /** After progress: the wait that fits the state starts anew. */
  #rearm(): void {
    if (this.#isPaused || this.#state === State.closed || this.#state === State.idle || this.#state === State.connecting) return;
    const timeouts = this.#owner.timeouts;
    if (this.#state === State.tunnel) this.#arm(Wait.idle, timeouts.tunnelIdle);
    else if (this.#head === null) {
      // While the client is slow to send its body, nobody waits for the endpoint.
      if (this.#isRequestWritten || this.#output.isBlocked) this.#arm(Wait.firstByte, timeouts.firstByte);
      else this.#arm(Wait.none, 0);
    } else this.#arm(Wait.idle, timeouts.idle);
  }

  // Endings.

  #fail(code: ReasonCode, detail: string): void {
    this.#failAll(code, detail);
  }

  /** Ends the connection; the attempt being answered fails with `code`, those behind it as never answered. */
  #failAll(code: ReasonCode, detail: string): void {
    if (this.#state === State.closed) return;
    const state = this.#state;
    const hasSeenBytes = this.#head !== null || this.#partial !== null || this.#interimCount > 0;
    const isUntouched = !hasSeenBytes && (code === "UPSTREAM_RESET" || code === "UPSTREAM_CONNECT_FAILED" || code === "UPSTREAM_CONNECT_TIMEOUT");
    const attempts = this.#attempts.splice(0);
    this.#destroy();
    for (let i = 0; i < attempts.length; i++) {
      const attempt = attempts[i]!;
      if (state === State.connecting) this.#owner.onConnectFailed(attempt, new ProxyError(code, { replay: "safe", detail }));
      else if (i === 0) attempt.onError(new ProxyError(code, { replay: isUntouched && this.#served > 0 ? "if-reused" : "unsafe", detail }));
      else attempt.onError(new ProxyError("UPSTREAM_RESET", { replay: "if-reused", detail }));
    }
  }

  #destroy(): void {
    if (this.#state === State.closed) return;
    this.#state = State.closed;
    this.#partial = null;
    this.#owner.wheel.remove(this.#deadline);
    this.#socket.destroy();
    this.#owner.onClosed(this);
  }

  #crash(error: unknown): void {
    this.#owner.onInternalError(error);
    this.#failAll("INTERNAL_ERROR", "");
  }
}
