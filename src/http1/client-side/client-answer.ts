/**
 * The answering half of a client connection: what `ClientSide` promises, for one exchange after the other. It decides
 * whether the connection can be kept, and tells its connection when an answer is complete or has to be broken off;
 * closing is the connection's.
 */
import type { AnswerHead } from "../../http/answer.ts";
import { type BodySink, type BodySource, emptySource, nowhere } from "../../http/body.ts";
import type { ClientSide, Exchange } from "../../http/exchange.ts";
import type { Fields } from "../../http/fields.ts";
import { type ReasonCode, reasons } from "../../http/reason.ts";
import { AnswerWriter } from "./answer-writer.ts";
import type { Output } from "../../net/output.ts";
import type { ReceivedBody } from "./received-body.ts";
import type { ClientContext } from "./client-context.ts";
import type { ClientDeadlines } from "./client-deadlines.ts";
import type { HowToEnd } from "./client-ending.ts";
import { ClientState as State } from "./client-state.ts";
import type { Unread } from "./unread.ts";

/** The connection as its answering half sees it. */
export interface AnswerHost {
  /** One of `ClientState`; changed by the connection alone. `body`: bytes of the request's body are still to come. */
  readonly state: number;
  /** The client's bytes in the tunnel go to `sink`. */
  openBody(sink: BodySink): void;
  /** The 101 is on its way. */
  beginTunnel(): void;
  endTunnelWriting(): void;
  /** The answer is complete. */
  onAnswerEnd(): void;
  /**
   * The answer must not look complete. `isDelimited`: an early end of the connection says so; else only a reset does.
   */
  breakOff(isDelimited: boolean): void;
  /** A bug of ours: ends the exchange and the connection. */
  crash(error: unknown): void;
}

/** What it is made of: its connection's. */
export interface ClientAnswerParts {
  readonly output: Output;
  readonly context: ClientContext;
  readonly deadlines: ClientDeadlines;
  readonly body: ReceivedBody;
  readonly unread: Unread;
}

/** Writes the answers of a client connection, and ends each exchange exactly once. One a connection. */
export class ClientAnswer implements ClientSide {
  exchange: Exchange | null = null;
  isEnded = false;
  /** The connection serves on after this answer. */
  isKeptAlive = true;
  /** The client may be waiting for a 100 before it sends its body. */
  isContinueAwaited = false;
  readonly #host: AnswerHost;
  readonly #output: Output;
  readonly #writer: AnswerWriter;
  readonly #context: ClientContext;
  readonly #deadlines: ClientDeadlines;
  readonly #body: ReceivedBody;
  readonly #unread: Unread;
  /** Gives the body of the answer under way; null before its head and behind its end. */
  #source: BodySource | null = null;
  /** Takes the answer under way. */
  #sink: AnswerSink | null = null;

  constructor(host: AnswerHost, parts: ClientAnswerParts) {
    this.#host = host;
    this.#output = parts.output;
    this.#context = parts.context;
    this.#deadlines = parts.deadlines;
    this.#body = parts.body;
    this.#unread = parts.unread;
    this.#writer = new AnswerWriter(parts.output);
  }

  /** A bug in what the connection itself does for this answer. */
  crash(error: unknown): void {
    this.#host.crash(error);
  }

  /** How much of its body was sent. */
  get bodyBytes(): number {
    return this.exchange?.record.responseBodyBytes ?? 0;
  }

  /** The client has not yet taken all that was written. */
  get isBlocked(): boolean {
    return this.#output.isBlocked;
  }

  /** Nothing has been done for the exchange yet (`Answerer.isQueued`). */
  get isQueued(): boolean {
    return this.exchange?.answerer?.isQueued === true;
  }

  /**
   * How the connection has to end if the answer may not be out whole: one without framing must not look complete (RFC
   * 9112 section 8).
   */
  get howToEnd(): HowToEnd {
    const isOut = this.exchange === null || this.exchange.isEnded || !this.exchange.isHeadSent;
    return this.#writer.isDelimited || (isOut && !this.#output.isBlocked) ? "close" : "reset";
  }

  begin(exchange: Exchange): void {
    this.exchange = exchange;
    this.isEnded = false;
    this.#source = null;
    this.#sink = null;
    this.isContinueAwaited = exchange.request.expectsContinue;
    if (!exchange.request.isKeptAlive) this.isKeptAlive = false;
  }

  interim(head: AnswerHead): boolean {
    const exchange = this.exchange;
    if (exchange === null || exchange.isHeadSent || exchange.request.minorVersion === 0) return true;
    if (head.status === 100) {
      if (!this.isContinueAwaited) return true;
      this.isContinueAwaited = false;
    }
    this.#writer.interim(head);
    return this.flush();
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    const exchange = this.exchange;
    if (exchange === null || exchange.isHeadSent || this.isEnded) return nowhere;
    const { tunnel } = head;
    if (tunnel !== null && (exchange.upgrade === null || this.#host.state === State.body))
      throw new Error("a tunnel that was not asked for, or not yet");
    exchange.isHeadSent = true;
    exchange.answerer = null;
    this.#source = source;
    const sink = new AnswerSink(this);
    this.#sink = sink;
    if (tunnel === null) this.#startAnswer(exchange, head);
    else this.#startTunnel(exchange, head);
    return sink;
  }

  #startAnswer(exchange: Exchange, head: AnswerHead): void {
    exchange.record.status = head.status;
    if (exchange.record.reason !== null && reasons[exchange.record.reason].isFinal) this.isKeptAlive = false;
    const isBodyOpen = this.#host.state === State.body;
    const hasUnread = !this.#unread.isEmpty;
    // The client has waited for a 100 in vain: whether its body or its next request follows cannot be told (RFC 9110
    // section 10.1.1).
    if (this.isContinueAwaited && isBodyOpen && !hasUnread && exchange.record.requestBodyBytes === 0)
      this.isKeptAlive = false;
    // The rest of the body is too long to be dropped: the connection will be closed, and the answer must say so (RFC
    // 9112 section 9.6).
    if (isBodyOpen && !this.#body.isDroppable) this.isKeptAlive = false;
    // The switch is refused: bytes that a client sent early are the tunnel's and must not be read as a request. A
    // WebSocket client has sent them with its request or not at all; of other protocols that is not known (RFC 9931).
    if (exchange.upgrade !== null && (hasUnread || exchange.upgrade !== "websocket")) this.isKeptAlive = false;
    this.isKeptAlive = this.#writer.head(head, exchange.request, this.isKeptAlive);
  }

  #startTunnel(exchange: Exchange, head: AnswerHead): void {
    exchange.record.status = 101;
    this.isKeptAlive = false;
    this.#writer.switchProtocols(head, exchange.upgrade!);
    this.#host.beginTunnel();
    this.flush();
  }

  openTunnel(sink: BodySink): BodySource {
    if (this.exchange === null || this.isEnded || this.#host.state !== State.tunnel) return emptySource;
    const source = this.#body.beginTunnel();
    this.#host.openBody(sink);
    return source;
  }

  /** The client can take more: so is told whoever gives the answer. */
  resume(): void {
    try {
      if (this.#source === null) this.exchange?.answerer?.resume?.();
      else this.#source.resume();
    } catch (error) {
      this.exchange?.crash(error);
    }
  }

  // What `AnswerSink` takes.

  /** Is `sink` the one of the answer under way? */
  isTaking(sink: AnswerSink): boolean {
    return this.#sink === sink && !this.isEnded;
  }

  data(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.exchange!.record.responseBodyBytes += chunk.length;
    if (!this.#writer.data(chunk)) this.#breakOffFalse("longer");
  }

  end(trailers: Fields | null): boolean {
    const exchange = this.exchange!;
    if (this.#host.state === State.tunnel) {
      this.#host.endTunnelWriting();
      return true;
    }
    if (!this.#writer.end(trailers)) {
      this.#breakOffFalse("shorter");
      return true;
    }
    this.isEnded = true;
    this.#source = null;
    this.#sink = null;
    const isWritten = this.flush();
    exchange.answerer = null;
    this.endExchange();
    this.#host.onAnswerEnd();
    return isWritten;
  }

  flush(): boolean {
    if (this.#output.flush()) return true;
    this.#deadlines.awaitWriting(this.#context.timeouts.write, "both");
    return false;
  }

  /** A bug of whoever gives the answer. To go on would make the client take other bytes for it. */
  #breakOffFalse(how: "longer" | "shorter"): void {
    this.#context.onInternalError(new Error(`an answer that is ${how} than its head says`));
    this.abort("INTERNAL_ERROR");
  }

  abort(code: ReasonCode): void {
    const exchange = this.exchange;
    if (exchange === null || this.isEnded) return;
    exchange.record.reason ??= code;
    const isDelimited = exchange.isHeadSent && this.#writer.isDelimited;
    if (!exchange.isHeadSent) exchange.record.status = 499;
    this.isEnded = true;
    this.isKeptAlive = false;
    this.cancel(code);
    this.endExchange();
    this.#host.breakOff(isDelimited);
  }

  onInternalError(error: unknown): void {
    this.#context.onInternalError(error);
  }

  // What the connection asks for.

  /** Answers with an error, or breaks off an answer that has begun. */
  fail(code: ReasonCode): void {
    this.exchange?.fail(code);
  }

  /** Answers in place of whoever does, unless an answer has begun. */
  refuse(code: ReasonCode): void {
    if (this.exchange === null || this.exchange.isHeadSent || this.isEnded) return;
    this.isKeptAlive = false;
    this.exchange.fail(code);
  }

  /** Tells whoever answers that the answer is of no use any more. */
  cancel(code: ReasonCode): void {
    const source = this.#source;
    this.#source = null;
    this.#sink = null;
    try {
      if (source === null) this.exchange?.cancel(code);
      else source.stop(code);
    } catch (error) {
      this.#context.onInternalError(error);
    }
  }

  /** The client is gone, or is treated as gone: ends the exchange without an answer. */
  abandon(code: ReasonCode): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.isEnded) return;
    // Either side may end a tunnel as it likes.
    if (this.#host.state !== State.tunnel || code !== "CLIENT_GONE") exchange.record.reason ??= code;
    if (!exchange.isHeadSent) exchange.record.status = 499;
    this.isEnded = true;
    this.cancel(code);
    this.endExchange();
  }

  /** The exchange is over, however it went: it is counted and logged, once. */
  endExchange(): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.isEnded) return;
    exchange.isEnded = true;
    exchange.record.endedMs = this.#context.wheel.clock.now();
    try {
      this.#context.onExchangeEnd(exchange);
    } catch (error) {
      this.#context.onInternalError(error);
    }
  }
}

/**
 * Takes the body of one answer. Once that has ended, nothing comes through any more: the connection may be about the
 * next answer by then. A bug of the connection ends the exchange, not whoever gives the body.
 */
class AnswerSink implements BodySink {
  readonly #answer: ClientAnswer;

  constructor(answer: ClientAnswer) {
    this.#answer = answer;
  }

  data(chunk: Buffer): void {
    if (!this.#answer.isTaking(this)) return;
    try {
      this.#answer.data(chunk);
    } catch (error) {
      this.#answer.crash(error);
    }
  }

  flush(): boolean {
    if (!this.#answer.isTaking(this)) return true;
    try {
      return this.#answer.flush();
    } catch (error) {
      this.#answer.crash(error);
      return false;
    }
  }

  end(trailers: Fields | null): boolean {
    if (!this.#answer.isTaking(this)) return true;
    try {
      return this.#answer.end(trailers);
    } catch (error) {
      this.#answer.crash(error);
      return false;
    }
  }

  abort(code: ReasonCode): void {
    if (!this.#answer.isTaking(this)) return;
    try {
      this.#answer.abort(code);
    } catch (error) {
      this.#answer.crash(error);
    }
  }
}
