/**
 * One connection to an endpoint: writes request heads and bodies, reads answers, and decides whether it may serve
 * again. Owns the join of both halves: it goes back to the pool only when the request is fully written, the answer
 * fully read by exact framing, nothing is left over and both sides keep it (RFC 9112 section 9.3); any byte or FIN
 * while idle ends it.
 */
import type { Attempt, AttemptHandle } from "../../http/attempt.ts";
import { Fields } from "../../http/fields.ts";
import { Framing, type ResponseHead } from "../../http/message.ts";
import { ProxyError, type ReasonCode } from "../../http/reason.ts";
import { isSameProtocol } from "../../http/upgrade.ts";
import { AnswerReader, type AnswerReaderHost } from "./answer-reader.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import { EndpointState as State } from "./endpoint-state.ts";
import { EndpointWaits } from "./endpoint-waits.ts";
import { InFlight } from "./in-flight.ts";
import { failAttempt, failUnanswered, replayAfter } from "./lost-connection.ts";
import { canPipeline } from "./pipelining.ts";
import type { PooledConnection } from "./pooled-connection.ts";
import { maxSkippedBytes } from "./skipped-attempt.ts";
import { isRefusal } from "../../net/tls/peer-verdict.ts";
import type { Wire, WireReader } from "../../net/wire.ts";
import { RequestWriter, type RequestWriterHost } from "./request-writer.ts";
import type { AnswerRules } from "../syntax/response-parser.ts";
import { Reuse } from "./reuse.ts";

/** A connection to an endpoint. */
export class EndpointConnection
  implements AttemptHandle, PooledConnection, AnswerReaderHost, RequestWriterHost, WireReader
{
  readonly reuse = new Reuse();
  /** One of `EndpointState`. Changed in this file alone. */
  state: number = State.idle;
  readonly #owner: ConnectionOwner;
  readonly #wire: Wire;
  readonly #writer: RequestWriter;
  readonly #waits: EndpointWaits;
  readonly #reader: AnswerReader;
  readonly #inFlight = new InFlight();
  /** Answers that were complete. */
  #served = 0;
  #isDraining = false;

  /** @param wire has just come up; the first attempt must be started within the same call */
  constructor(owner: ConnectionOwner, wire: Wire, rules: AnswerRules) {
    this.#owner = owner;
    this.#wire = wire;
    this.#reader = new AnswerReader(this, rules);
    this.#writer = new RequestWriter(wire, this, owner.endOfTurn);
    this.#waits = new EndpointWaits({
      owner,
      wire,
      inFlight: this.#inFlight,
      writer: this.#writer,
      reader: this.#reader,
      onTimeUp: this.#onTimeUp,
    });
    wire.handTo(this);
  }

  // `PooledConnection`.

  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** It has proved to be persistent, and everything in flight on it may share it. */
  get isPipeliner(): boolean {
    return (
      this.#served > 0 &&
      !this.reuse.isBound &&
      !this.reuse.isSuspect &&
      this.#inFlight.isShareable &&
      this.state !== State.closed &&
      !this.#waits.isPaused &&
      !this.#isDraining
    );
  }

  start(attempt: Attempt): void {
    this.#inFlight.add(attempt);
    attempt.handle = this;
    try {
      this.#write(attempt, this.#served > 0);
    } catch (error) {
      this.#crash(error);
    }
  }

  #write(attempt: Attempt, isReused: boolean): void {
    if (this.#inFlight.count === 1) {
      this.state = State.head;
      this.#waits.interim.reset();
    }
    this.reuse.noteRequest(attempt);
    this.#writer.begin(attempt.request);
    this.#waits.sendsBody = attempt.request.body !== 0;
    if (this.#inFlight.count === 1) this.#waits.again(this.state);
    attempt.onSent(this.#writer, isReused);
    if (this.state === State.closed) return;
    if (!isReused || !canPipeline(attempt)) {
      this.#wire.output.flush();
      return;
    }
    this.#inFlight.noteUnsent();
    this.#writer.flushAtEndOfTurn();
  }

  drain(): void {
    this.#isDraining = true;
    // A tunnel without an attempt is still writing its last bytes, and ends by itself.
    if (this.#inFlight.count === 0 && this.state !== State.tunnel) this.#destroy();
  }

  close(): void {
    this.#failAll("UPSTREAM_RESET", "closed");
  }

  closeUnlessSilent(): boolean {
    const arrival = this.#wire.lookForArrival();
    if (arrival === "something") this.#destroy();
    return arrival === "nothing";
  }

  park(idleMs: number): void {
    this.#waits.awaitUse(idleMs);
  }

  // `RequestWriterHost`.

  onTurnWritten(): void {
    this.#inFlight.noteSent();
  }

  onBodyProgress(): void {
    this.#waits.again(this.state);
  }

  onBodyAbort(code: ReasonCode): void {
    this.#failAll(code, "");
  }

  // `AttemptHandle`.

  resume(attempt: Attempt): void {
    if (this.#inFlight.first === attempt && this.state !== State.closed) this.#waits.resume(this.state);
  }

  /**
   * If others are in flight beside it and the rest of its answer can be skipped, the connection goes on; else it is
   * closed.
   */
  cancel(attempt: Attempt): void {
    const index = this.#inFlight.indexOf(attempt);
    if (index === -1) return;
    const isSkippable = index > 0 || this.state === State.head || this.#isRestShort;
    if (this.#inFlight.count > 1 && isSkippable && canPipeline(attempt)) {
      this.#skip(index);
      return;
    }
    this.#inFlight.remove(index);
    if (this.state === State.tunnel && this.#wire.isEnding && !this.#wire.isFinished) {
      // Both sides have said that they are done; the client's last bytes are still on their way.
      this.#waits.awaitBytes(this.#owner.timeouts.idle);
      this.#wire.awaitFinish();
    } else this.#failAll("UPSTREAM_RESET", "given up");
  }

  skip(attempt: Attempt): void {
    if (this.#inFlight.first === attempt && this.#isRestShort && this.#writer.isComplete) this.#skip(0);
    else this.cancel(attempt);
  }

  #skip(index: number): void {
    this.#inFlight.skip(index, this.#reader.head);
    if (index > 0) return;
    // It may be given up in the middle of a read: what it was lent is not read over by the answers behind it.
    this.#wire.keepMemory();
    this.#waits.resume(this.state);
  }

  /** The rest of the answer under way can be read and thrown away. */
  get #isRestShort(): boolean {
    return this.state === State.body && this.#reader.remaining <= maxSkippedBytes;
  }

  // `AnswerReaderHost`.

  get isHeadAwaited(): boolean {
    return this.#inFlight.first!.request.method === "HEAD";
  }

  onBodyPiece(piece: Buffer): void {
    if (this.state !== State.closed) this.#inFlight.sink.data(piece);
  }

  expectAnswer(): boolean {
    if (this.#inFlight.isAnswerDue) return true;
    // No request in flight has been written yet, so these bytes answer none of them: as on an idle connection.
    this.#failAll("UPSTREAM_RESET", "an answer before its request");
    return false;
  }

  onPartialHead(): void {
    if (this.#waits.interim.isHeld) this.#waits.pause();
  }

  onUnasked(): void {
    // Bytes that no request asked for must never be taken for the answer to the next one (response queue poisoning).
    if (this.reuse.isSuspect) this.#owner.onUnaskedContent();
    this.#destroy();
  }

  onMalformed(code: ReasonCode, detail: string): void {
    this.#failAll(code, detail);
  }

  onReadEnd(): void {
    if (this.#waits.interim.isHeld) this.#waits.pause();
    if (this.#reader.head === null || this.#inFlight.count === 0) return;
    const isReady = this.#inFlight.flush();
    if (this.#isClosed()) return;
    if (!isReady) this.#waits.pause();
    else if (this.#inFlight.isSkippedTooLong) this.#failAll("UPSTREAM_RESET", "too much to skip");
    else this.#waits.again(this.state);
  }

  onHead(head: ResponseHead): boolean {
    this.#waits.beginBody();
    this.state = head.framing === Framing.close ? State.untilClose : State.body;
    this.reuse.noteAnswer(head, this.#inFlight.first!);
    if (this.#inFlight.isSkippedInVain(head)) this.#failAll("UPSTREAM_RESET", "too much to skip");
    else this.#inFlight.begin(head);
    if (this.#isClosed()) return false;
    // Content behind an answer that withholds it would be taken for the next answer, which is another client's.
    const isLast =
      head.framing === Framing.close || !head.isKeptAlive || (head.withholdsContent && this.#inFlight.count > 1);
    if (isLast) {
      // RFC 9112 section 9.6: attempts behind it fail at once, to be sent elsewhere.
      this.#isDraining = true;
      this.#inFlight.failBehind("closed after an answer", this.#owner);
    }
    return true;
  }

  // Behind a call, so that the type checker does not take the state for what it was before a callback.
  #isClosed(): boolean {
    return this.state === State.closed;
  }

  onInterim(head: ResponseHead, byteCount: number): boolean {
    const attempt = this.#inFlight.first!;
    if (head.status === 101) {
      // RFC 9110 section 15.2.2: only what was asked for. And not before all of the request is there, whose rest would
      // be taken for the tunnel's bytes.
      const { tunnel } = attempt.request;
      const isAskedFor = tunnel !== null && head.upgrade !== null && isSameProtocol(head.upgrade, tunnel);
      if (!isAskedFor || !this.#writer.isComplete) {
        this.#failAll("UPSTREAM_BAD_UPGRADE", "");
        return false;
      }
      this.#reader.head = head;
      this.state = State.tunnel;
      this.#writer.switchToTunnel();
      this.#inFlight.begin(head);
      return !this.#isClosed();
    }
    const problem = this.#waits.interim.take(byteCount, this.#owner.wheel.clock.now(), this.#writer.bodyBytes);
    if (problem !== null) {
      this.#failAll("UPSTREAM_BAD_RESPONSE", problem);
      return false;
    }
    const isReady = attempt.onInterim(head);
    this.#waits.interim.isHeld = !isReady && this.#inFlight.first === attempt;
    if (this.#isClosed()) return false;
    // It is progress: the wait for the head starts again.
    this.#waits.again(this.state);
    return true;
  }

  /**
   * The answer is complete. The connection is free before its receiver hears of it, whose next request may take it at
   * once.
   */
  onAnswerComplete(trailers: string, hasMore: boolean): void {
    const attempt = this.#inFlight.shift();
    const sink = this.#inFlight.takeSink();
    const fields = trailers === "" ? null : Fields.ofText(trailers);
    const head = this.#reader.head!;
    this.#reader.head = null;
    this.#served++;
    // A socket whose last write failed is still read; see `net/dialled-socket.ts`.
    const canBeIdle = !hasMore && !this.#wire.hasFailed;
    if (hasMore && this.reuse.isSuspect) this.#owner.onUnaskedContent();
    const isReusable =
      head.isKeptAlive &&
      !this.#reader.wasRepaired &&
      this.#writer.isComplete &&
      !this.#isDraining &&
      (canBeIdle || this.#inFlight.count > 0);
    this.#waits.interim.reset();
    if (!isReusable) {
      // What was pipelined behind it is lost with the connection, unanswered.
      this.#failAll("UPSTREAM_RESET", "closed after an answer");
      sink.end(fields);
      return;
    }
    if (this.#inFlight.count > 0) {
      this.state = State.head;
      this.#waits.awaitHead();
    } else {
      this.state = State.idle;
      this.#owner.onIdle(this, head.keepAliveHintMs, attempt);
    }
    // Its last bytes may still wait in the client's socket: then the next answer must not be read over them.
    if (!sink.end(fields)) this.#wire.keepMemory();
  }

  // `WireReader`.

  /** All that one read brings about happens at one time; `IdleConnections` relies on it. */
  onBytes(bytes: Buffer, byteCount: number): void {
    if (this.state === State.closed) return;
    const { clock } = this.#owner.wheel;
    const isHolder = clock.hold();
    try {
      this.#reader.read(bytes, byteCount);
    } catch (error) {
      this.#crash(error);
    } finally {
      if (isHolder) clock.release();
    }
  }

  onEnd(): void {
    try {
      // RFC 9112 section 9.8: what TLS's end does not stand behind may be cut off.
      if (this.state === State.untilClose && !this.#wire.hasEndedUncleanly) {
        this.#inFlight.shift();
        const sink = this.#inFlight.takeSink();
        this.#destroy();
        sink.end(null);
      } else if (this.state === State.tunnel) {
        // The client may still send.
        this.#waits.hasEndpointEnded = true;
        if (this.#inFlight.count > 0) this.#inFlight.sink.end(null);
        this.#waits.again(this.state);
      } else this.#failAll(this.#lossCode(), "FIN");
    } catch (error) {
      this.#crash(error);
    }
  }

  onGone(error: NodeJS.ErrnoException | null): void {
    const isRefused = this.#served === 0 && this.#isUnanswered && isRefusal(error?.code);
    this.#failAll(isRefused ? "UPSTREAM_TLS_REFUSED" : this.#lossCode(), error?.code ?? error?.message ?? "closed");
  }

  /** Nothing of an answer has come for the first of those that are in flight. */
  get #isUnanswered(): boolean {
    return this.#reader.isUntouched && !this.#waits.interim.hasSeen;
  }

  /** The last bytes of a tunnel are out. */
  onFinish(): void {
    this.#destroy();
  }

  #lossCode(): ReasonCode {
    return this.#reader.head === null ? "UPSTREAM_RESET" : "UPSTREAM_TRUNCATED";
  }

  onWritable(): void {
    if (this.state === State.closed) return;
    if (this.#inFlight.count > 0) this.#waits.again(this.state);
    if (this.#writer.isComplete && this.state !== State.tunnel) return;
    try {
      this.#inFlight.first?.onBodyWritable();
    } catch (error) {
      this.#crash(error);
    }
  }

  readonly #onTimeUp = (code: ReasonCode | null): void => {
    if (code === null) this.#destroy();
    else this.#failAll(code, "");
  };

  // Endings.

  /** Ends the connection; the attempt being answered fails with `code`, those behind it as never answered. */
  #failAll(code: ReasonCode, detail: string): void {
    if (this.state === State.closed) return;
    const replay = replayAfter(code, this.#served > 0 && this.#isUnanswered ? "stale" : "other");
    const [first, ...behind] = this.#inFlight.takeAll();
    this.#destroy();
    if (first !== undefined) failAttempt(first, new ProxyError(code, { replay, detail }), this.#owner);
    failUnanswered(behind, detail, this.#owner);
  }

  #destroy(): void {
    if (this.state === State.closed) return;
    this.state = State.closed;
    this.#writer.close();
    this.#reader.close();
    this.#waits.remove();
    this.#wire.destroy();
    this.#owner.onClosed(this);
  }

  #crash(error: unknown): void {
    this.#owner.onInternalError(error);
    this.#failAll("INTERNAL_ERROR", "");
  }
}
