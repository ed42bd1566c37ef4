/**
 * One connection to an endpoint: writes request heads and bodies, reads answers, and decides whether it may serve
 * again. Owns the join of both halves: it goes back to the pool only when the request is fully written, the answer
 * fully read by exact framing, nothing is left over and both sides keep it (RFC 9112 section 9.3); any byte or FIN
 * while idle ends it.
 */
import type { EndOfTurnTask } from "../../base/end-of-turn.ts";
import type { BoundConnection } from "../../http/bound-connections.ts";
import { Framing, type ResponseHead } from "../../http/message.ts";
import { ProxyError, type ReasonCode } from "../../http/reason.ts";
import { isSameProtocol } from "../../http/upgrade.ts";
import { BodyReader, type PieceReceiver } from "../syntax/body-reader.ts";
import {
  type AttemptHandle,
  type AttemptTimeouts,
  type ConnectionAttempt,
  type ConnectionOwner,
  maxSkippedBytes,
  SkippedAttempt,
} from "./connection-attempt.ts";
import { withoutNominated } from "../../http/syntax/connection-options.ts";
import { EndpointWaits } from "./endpoint-waits.ts";
import { failAttempt, failUnanswered } from "./lost-connection.ts";
import type { Wire, WireReader } from "../../net/wire.ts";
import { PartialHead } from "../syntax/partial-head.ts";
import { RequestWriter, type RequestWriterHost } from "./request-writer.ts";
import { type AnswerRules, parseResponseHead, parsedResponse } from "../syntax/response-parser.ts";
import { Reuse } from "./reuse.ts";

const State = { idle: 0, head: 1, body: 2, untilClose: 3, tunnel: 4, closed: 5 } as const;

/** A connection to an endpoint. */
export class EndpointConnection
  implements AttemptHandle, BoundConnection, EndOfTurnTask, PieceReceiver, RequestWriterHost, WireReader
{
  /** Who may use it next. */
  readonly reuse = new Reuse();
  readonly #owner: ConnectionOwner;
  readonly #wire: Wire;
  readonly #rules: AnswerRules;
  readonly #writer: RequestWriter;
  readonly #waits: EndpointWaits;
  readonly #body: BodyReader;
  /** In flight, oldest first; answers come in this order. */
  readonly #attempts: ConnectionAttempt[] = [];
  #state: number = State.idle;
  /** How many in flight do not share. */
  #exclusiveCount = 0;
  /** Answers that were complete. */
  #served = 0;
  /** The answer being read; null between answers. */
  #head: ResponseHead | null = null;
  #isPaused = false;
  #isDraining = false;
  #isFlushPlanned = false;
  /** The endpoint's FIN came through the tunnel. */
  #hasEndpointEnded = false;
  /** How many attempts, the youngest ones, wait for the flush at the end of the turn. */
  #unsentCount = 0;
  readonly #partial = new PartialHead();

  /** @param wire has just come up; the first attempt must be started within the same call */
  constructor(owner: ConnectionOwner, wire: Wire, rules: AnswerRules) {
    this.#owner = owner;
    this.#wire = wire;
    this.#rules = rules;
    this.#body = new BodyReader(rules.isLenient ? "lenientAnswer" : "answer");
    this.#writer = new RequestWriter(wire, this);
    this.#waits = new EndpointWaits({ owner, wire, onTimeUp: this.#onTimeUp });
    wire.handTo(this);
  }

  /** How many attempts are in flight on it. */
  get inFlight(): number {
    return this.#attempts.length;
  }

  /** It has proved to be persistent, and everything in flight on it may share it. */
  get isPipeliner(): boolean {
    return (
      this.#served > 0 &&
      !this.reuse.isBound &&
      !this.reuse.isSuspect &&
      this.#exclusiveCount === 0 &&
      this.#state !== State.closed &&
      !this.#isPaused &&
      !this.#isDraining
    );
  }

  /** Writes `attempt` to the connection, which has just come up, is idle or pipelines. */
  start(attempt: ConnectionAttempt): void {
    this.#attempts.push(attempt);
    attempt.handle = this;
    if (!attempt.isPipelinable) this.#exclusiveCount++;
    try {
      this.#write(attempt, this.#served > 0);
    } catch (error) {
      this.#crash(error);
    }
  }

  #write(attempt: ConnectionAttempt, isReused: boolean): void {
    if (this.#attempts.length === 1) {
      this.#state = State.head;
      this.#waits.interim.reset();
    }
    this.reuse.noteRequest(attempt);
    this.#writer.begin(attempt.request);
    this.#waits.sendsBody = attempt.request.body !== 0;
    if (this.#attempts.length === 1) this.#rearm();
    attempt.onConnected(this.#writer, isReused);
    if (this.#state === State.closed) return;
    if (!attempt.isPipelinable || !isReused) {
      this.#wire.output.flush();
      return;
    }
    // Heads that are written in one turn share a system call.
    this.#unsentCount++;
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#owner.endOfTurn.add(this);
  }

  runAtEndOfTurn(): void {
    this.#isFlushPlanned = false;
    this.#unsentCount = 0;
    if (this.#state !== State.closed) this.#wire.output.flush();
  }

  /** Closes it as soon as nothing is in flight. */
  drain(): void {
    this.#isDraining = true;
    // A tunnel without an attempt is still writing its last bytes, and ends by itself.
    if (this.#attempts.length === 0 && this.#state !== State.tunnel) this.#destroy();
  }

  /** Closes it now; attempts in flight fail. */
  close(): void {
    this.#failAll("UPSTREAM_RESET", "closed");
  }

  /**
   * Looks, while nothing is in flight, for what has arrived since the last polling phase; closes the connection if
   * anything has.
   * @returns true if nothing has; false also if that cannot be told (then it stays open)
   */
  closeUnlessSilent(): boolean {
    const arrival = this.#wire.lookForArrival();
    if (arrival === "something") this.#destroy();
    return arrival === "nothing";
  }

  /** Waits in the pool for at most `idleMs`. */
  park(idleMs: number): void {
    this.#waits.awaitUse(idleMs);
  }

  // `RequestWriterHost`.

  onBodyProgress(): void {
    this.#rearm();
  }

  onBodyAbort(code: ReasonCode): void {
    this.#failAll(code, "");
  }

  // `AttemptHandle`.

  resume(attempt: ConnectionAttempt): void {
    if (this.#attempts[0] === attempt) this.#unpause();
  }

  /**
   * If others are in flight beside it and the rest of its answer can be skipped, the connection goes on; else it is
   * closed.
   */
  cancel(attempt: ConnectionAttempt): void {
    const index = this.#attempts.indexOf(attempt);
    if (index === -1) return;
    const isSkippable =
      index > 0 ||
      this.#state === State.head ||
      (this.#state === State.body && this.#body.remaining <= maxSkippedBytes);
    if (this.#attempts.length > 1 && attempt.isPipelinable && isSkippable) {
      this.#attempts[index] = new SkippedAttempt(attempt.request);
      if (index === 0) this.#unpause();
      return;
    }
    this.#attempts.splice(index, 1);
    if (this.#state === State.tunnel && this.#wire.isEnding && !this.#wire.isFinished) {
      // Both sides have said that they are done; the client's last bytes are still on their way.
      this.#waits.awaitBytes(this.#owner.timeouts.idle);
      this.#wire.awaitFinish();
    } else this.#failAll("UPSTREAM_RESET", "given up");
  }

  skip(attempt: ConnectionAttempt): void {
    const isSkippable =
      this.#attempts[0] === attempt &&
      this.#state === State.body &&
      this.#body.remaining <= maxSkippedBytes &&
      this.#writer.isComplete;
    if (!isSkippable) {
      this.cancel(attempt);
      return;
    }
    if (!attempt.isPipelinable) this.#exclusiveCount--;
    this.#attempts[0] = new SkippedAttempt(attempt.request);
    this.#unpause();
  }

  // Reading.

  onBytes(bytes: Buffer, byteCount: number): void {
    if (this.#state === State.closed) return;
    try {
      if (this.#partial.isEmpty) this.#read(bytes, byteCount);
      else {
        const joined = this.#partial.join(bytes.subarray(0, byteCount), this.#rules);
        if (joined !== null) this.#read(joined, joined.length);
      }
    } catch (error) {
      this.#crash(error);
    }
  }

  #read(bytes: Buffer, end: number): void {
    let at = 0;
    while (at < end) {
      switch (this.#state) {
        case State.head:
          at = this.#readHead(bytes, at, end);
          if (at === -1) return;
          break;
        case State.body:
          at = this.#body.read(bytes, at, end, this);
          if (this.#body.failure !== null) this.#failAll("UPSTREAM_BAD_RESPONSE", "bad chunk");
          else if (!this.#body.isOpen) this.#complete(withoutNominated(this.#body.trailers, this.#head!), at < end);
          break;
        case State.untilClose:
        case State.tunnel:
          this.onBodyPiece(bytes.subarray(at, end));
          at = end;
          break;
        case State.closed:
          return;
        default:
          // Bytes that no request asked for must never be taken for the answer to the next one (response queue
          // poisoning).
          if (this.reuse.isSuspect) this.#owner.onUnaskedContent();
          this.#destroy();
          return;
      }
    }
    if (this.#state === State.closed) return;
    if (this.#waits.interim.isHeld) this.#pause();
    if (this.#head === null) return;
    const attempt = this.#attempts[0];
    if (attempt === undefined) return;
    if (!attempt.onReadEnd()) this.#pause();
    else if (attempt instanceof SkippedAttempt && attempt.isTooLarge)
      this.#failAll("UPSTREAM_RESET", "too much to skip");
    this.#rearm();
  }

  onBodyPiece(piece: Buffer): void {
    if (this.#state !== State.closed) this.#attempts[0]?.onData(piece);
  }

  /** @returns the offset behind the head, or -1 when there is nothing more to do with these bytes */
  #readHead(bytes: Buffer, at: number, end: number): number {
    const attempt = this.#attempts[0]!;
    if (this.#attempts.length === this.#unsentCount) {
      // No request in flight has been written yet, so these bytes answer none of them: as on an idle connection.
      this.#failAll("UPSTREAM_RESET", "an answer before its request");
      return -1;
    }
    parseResponseHead(bytes, at, end, this.#rules, attempt.request.method === "HEAD");
    if (parsedResponse.failure !== null) {
      this.#failAll(parsedResponse.failure, parsedResponse.detail);
      return -1;
    }
    const head = parsedResponse.head;
    if (head === null) {
      this.#partial.keep(bytes, at, end);
      if (this.#waits.interim.isHeld) this.#pause();
      return -1;
    }
    const next = parsedResponse.next;
    if (head.status < 200) return this.#readInterim(attempt, head, next - at) ? next : -1;
    this.#head = head;
    this.#waits.beginBody();
    this.#state = State.body;
    if (head.framing === Framing.chunked) this.#body.startChunked();
    else if (head.framing === Framing.close) this.#state = State.untilClose;
    else this.#body.startLength(head.framing === Framing.length ? head.contentLength : 0);
    this.reuse.noteAnswer(head, attempt);
    const isSkippedInVain =
      attempt instanceof SkippedAttempt && (head.framing === Framing.close || head.contentLength > maxSkippedBytes);
    if (isSkippedInVain) this.#failAll("UPSTREAM_RESET", "too much to skip");
    else attempt.onHead(head);
    if (this.#isClosed()) return -1;
    // Content behind an answer that withholds it would be taken for the next answer, which is another client's.
    const isLast =
      head.framing === Framing.close || !head.isKeptAlive || (head.withholdsContent && this.#attempts.length > 1);
    if (isLast) this.#failBehind();
    if (this.#state === State.body && !this.#body.isOpen) this.#complete("", next < end);
    return next;
  }

  /**
   * This answer is the connection's last (RFC 9112 section 9.6): attempts behind it fail at once, to be sent elsewhere.
   */
  #failBehind(): void {
    this.#isDraining = true;
    this.#unsentCount = 0;
    failUnanswered(this.#attempts.splice(1), "closed after an answer", this.#owner);
  }

  // Behind a call, so that the type checker does not take the state for what it was before a callback.
  #isClosed(): boolean {
    return this.#state === State.closed;
  }

  #readInterim(attempt: ConnectionAttempt, head: ResponseHead, headBytes: number): boolean {
    if (head.status === 101) {
      // RFC 9110 section 15.2.2: only what was asked for. And not before all of the request is there, whose rest would
      // be taken for the tunnel's bytes.
      if (
        attempt.request.tunnel === null ||
        head.upgrade === null ||
        !isSameProtocol(head.upgrade, attempt.request.tunnel) ||
        !this.#writer.isComplete
      ) {
        this.#failAll("UPSTREAM_BAD_UPGRADE", "");
        return false;
      }
      this.#head = head;
      this.#state = State.tunnel;
      this.#writer.switchToTunnel();
      attempt.onHead(head);
      return !this.#isClosed();
    }
    const problem = this.#waits.interim.take(headBytes, this.#owner.wheel.clock.now(), this.#writer.bodyBytes);
    if (problem !== null) {
      this.#failAll("UPSTREAM_BAD_RESPONSE", problem);
      return false;
    }
    this.#waits.interim.isHeld = !attempt.onInterim(head);
    if (this.#isClosed()) return false;
    // It is progress: the wait for the head starts again.
    this.#rearm();
    return true;
  }

  /**
   * The answer is complete. The connection is free before its receiver hears of it, whose next request may take it at
   * once.
   */
  #complete(trailers: string, hasMore: boolean): void {
    const attempt = this.#attempts.shift()!;
    if (!attempt.isPipelinable) this.#exclusiveCount--;
    const head = this.#head!;
    this.#head = null;
    this.#served++;
    // A socket whose last write failed is still read; see `net/dialled-socket.ts`.
    const canBeIdle = !hasMore && !this.#wire.hasFailed;
    if (hasMore && this.reuse.isSuspect) this.#owner.onUnaskedContent();
    const isReusable =
      head.isKeptAlive &&
      !this.#body.wasRepaired &&
      this.#writer.isComplete &&
      !this.#isDraining &&
      (canBeIdle || this.#attempts.length > 0);
    this.#waits.interim.reset();
    if (!isReusable) {
      // What was pipelined behind it is lost with the connection, unanswered.
      this.#failAll("UPSTREAM_RESET", "closed after an answer");
      attempt.onEnd(trailers);
      return;
    }
    if (this.#attempts.length > 0) {
      this.#state = State.head;
      this.#waits.awaitHead(this.#timeouts, this.#writer.bodyBytes);
    } else {
      this.#state = State.idle;
      this.#owner.onIdle(this, head.keepAliveHintMs, attempt);
    }
    // Its last bytes may still wait in the client's socket: then the next answer must not be read over them.
    if (!attempt.onEnd(trailers)) this.#wire.keepMemory();
  }

  #pause(): void {
    if (this.#state === State.closed) return;
    this.#waits.interim.isHeld = false;
    this.#isPaused = true;
    this.#waits.stop();
    this.#wire.pause();
    this.#wire.keepMemory();
  }

  #unpause(): void {
    if (!this.#isPaused || this.#state === State.closed) return;
    this.#isPaused = false;
    this.#rearm();
    this.#wire.resume();
  }

  // `WireReader`.

  onEnd(): void {
    try {
      if (this.#state === State.untilClose) {
        const attempt = this.#attempts.shift()!;
        this.#destroy();
        attempt.onEnd("");
      } else if (this.#state === State.tunnel) {
        // It is only half of the end.
        this.#hasEndpointEnded = true;
        this.#attempts[0]?.onEnd("");
        this.#rearm();
      } else this.#failAll(this.#lossCode(), "FIN");
    } catch (error) {
      this.#crash(error);
    }
  }

  onGone(error: NodeJS.ErrnoException | null): void {
    this.#failAll(this.#lossCode(), error?.code ?? error?.message ?? "closed");
  }

  /** The last bytes of a tunnel are out. */
  onFinish(): void {
    this.#destroy();
  }

  #lossCode(): ReasonCode {
    return this.#head === null ? "UPSTREAM_RESET" : "UPSTREAM_TRUNCATED";
  }

  onWritable(): void {
    if (this.#state === State.closed) return;
    if (this.#attempts.length > 0) this.#rearm();
    if (this.#writer.isComplete && this.#state !== State.tunnel) return;
    try {
      this.#attempts[0]?.onBodyWritable();
    } catch (error) {
      this.#crash(error);
    }
  }

  // Deadlines.

  readonly #onTimeUp = (code: ReasonCode | null): void => {
    if (code === null) this.#destroy();
    else this.#failAll(code, "");
  };

  /** Those of the attempt being answered. */
  get #timeouts(): AttemptTimeouts {
    return this.#attempts[0]?.timeouts ?? this.#owner.timeouts;
  }

  /** After progress in either direction: the wait that fits the state starts anew. */
  #rearm(): void {
    if (this.#isPaused) return;
    if (this.#state === State.tunnel)
      this.#waits.awaitTunnel(this.#timeouts, this.#hasEndpointEnded || this.#writer.hasEnded ? "half" : "whole");
    else if (this.#state === State.body || this.#state === State.untilClose)
      this.#waits.awaitBody(this.#timeouts, this.#head!);
    else if (this.#state === State.head) {
      // The client has not sent its whole body yet: the endpoint owes no answer, so no deadline runs.
      if (this.#writer.isComplete || this.#wire.output.isBlocked)
        this.#waits.awaitHead(this.#timeouts, this.#writer.bodyBytes);
      else this.#waits.stop();
    }
  }

  // Endings.

  /** Ends the connection; the attempt being answered fails with `code`, those behind it as never answered. */
  #failAll(code: ReasonCode, detail: string): void {
    if (this.#state === State.closed) return;
    const isUnanswered =
      this.#head === null && this.#partial.isEmpty && !this.#waits.interim.hasSeen && code === "UPSTREAM_RESET";
    const [first, ...behind] = this.#attempts.splice(0);
    this.#destroy();
    const replay = isUnanswered && this.#served > 0 ? "if-reused" : "unsafe";
    if (first !== undefined) failAttempt(first, new ProxyError(code, { replay, detail }), this.#owner);
    failUnanswered(behind, detail, this.#owner);
  }

  #destroy(): void {
    if (this.#state === State.closed) return;
    this.#state = State.closed;
    this.#writer.close();
    this.#partial.clear();
    this.#waits.remove();
    this.#wire.destroy();
    this.#owner.onClosed(this);
  }

  #crash(error: unknown): void {
    this.#owner.onInternalError(error);
    this.#failAll("INTERNAL_ERROR", "");
  }
}
