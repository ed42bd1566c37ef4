/**
 * The answering half of a client connection: what `Responder` promises, for one exchange after the other. It decides
 * whether the connection can be kept, and tells its connection when an answer is complete or has to be broken off;
 * closing is the connection's.
 */
import { filterAnswerFields } from "../../http/answer-filter.ts";
import { type BodySink, type BodySource, emptySource } from "../../http/body.ts";
import type { AnswerLength, Exchange, Responder } from "../../http/exchange.ts";
import { type ReasonCode, reasons } from "../../http/reason.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { explain, sendOwnAnswer } from "../../http/own-answer.ts";
import type { Output } from "../../net/output.ts";
import type { ReceivedBody } from "./received-body.ts";
import type { ClientContext } from "./client-context.ts";
import type { ClientDeadlines } from "./client-deadlines.ts";
import type { HowToEnd } from "./client-ending.ts";
import type { Unread } from "./unread.ts";

/** The connection as its answering half sees it. */
export interface AnswerHost {
  /** Body bytes of the request are still to come. */
  readonly isBodyOpen: boolean;
  readonly isTunnel: boolean;
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
export class ClientAnswer implements Responder {
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

  constructor(host: AnswerHost, parts: ClientAnswerParts) {
    this.#host = host;
    this.#output = parts.output;
    this.#context = parts.context;
    this.#deadlines = parts.deadlines;
    this.#body = parts.body;
    this.#unread = parts.unread;
    this.#writer = new AnswerWriter(parts.output);
  }

  /** How much of its body was sent. */
  get bodyBytes(): number {
    return this.exchange?.responseBodyBytes ?? 0;
  }

  /** The client has not yet taken all that was written. */
  get isBlocked(): boolean {
    return this.#output.isBlocked;
  }

  /** Nothing has been done for the exchange yet (`ExchangeListener.isQueued`). */
  get isQueued(): boolean {
    return this.exchange?.listener?.isQueued === true;
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
    this.isContinueAwaited = exchange.request.expectsContinue;
    if (!exchange.request.isKeptAlive) this.isKeptAlive = false;
  }

  sendInterim(status: number, reasonPhrase: string, fields: string): boolean {
    const exchange = this.exchange;
    if (exchange === null || exchange.isHeadSent || exchange.request.minorVersion === 0) return true;
    if (status === 100) {
      if (!this.isContinueAwaited) return true;
      this.isContinueAwaited = false;
    }
    this.#writer.interim(status, reasonPhrase, status === 100 ? "" : filterAnswerFields(exchange, fields, status));
    return this.flush();
  }

  sendHead(
    status: number,
    reasonPhrase: string,
    fields: string,
    length: AnswerLength,
    lengthField: number | null,
  ): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.isHeadSent) return;
    exchange.isHeadSent = true;
    exchange.status = status;
    const { isBodyOpen } = this.#host;
    const hasUnread = !this.#unread.isEmpty;
    // The client has waited for a 100 in vain: whether its body or its next request follows cannot be told (RFC 9110
    // section 10.1.1).
    if (this.isContinueAwaited && isBodyOpen && !hasUnread && exchange.requestBodyBytes === 0) this.isKeptAlive = false;
    // The rest of the body is too long to be dropped: the connection will be closed, and the answer must say so (RFC
    // 9112 section 9.6).
    if (isBodyOpen && !this.#body.isDroppable) this.isKeptAlive = false;
    // The switch is refused: bytes that a client sent early are the tunnel's and must not be read as a request. A
    // WebSocket client has sent them with its request or not at all; of other protocols that is not known (RFC 9931).
    if (exchange.upgrade !== null && (hasUnread || exchange.upgrade !== "websocket")) this.isKeptAlive = false;
    this.isKeptAlive = this.#writer.head(
      { status, reasonPhrase, fields: filterAnswerFields(exchange, fields, status), length, lengthField },
      exchange.request,
      this.isKeptAlive,
    );
  }

  sendSwitch(fields: string): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.isHeadSent || exchange.upgrade === null || this.#host.isBodyOpen) return;
    exchange.isHeadSent = true;
    exchange.status = 101;
    this.isKeptAlive = false;
    this.#writer.switchProtocols(filterAnswerFields(exchange, fields, 101), exchange.upgrade);
    this.#host.beginTunnel();
    this.flush();
  }

  openTunnel(sink: BodySink): BodySource {
    if (this.exchange === null || this.isEnded || !this.#host.isTunnel) return emptySource;
    const source = this.#body.beginTunnel();
    this.#host.openBody(sink);
    return source;
  }

  sendData(chunk: Buffer): void {
    if (this.exchange === null || chunk.length === 0) return;
    this.exchange.responseBodyBytes += chunk.length;
    this.#writer.data(chunk);
  }

  sendEnd(trailers: string): boolean {
    const exchange = this.exchange;
    if (exchange === null || this.isEnded) return true;
    if (this.#host.isTunnel) {
      this.#host.endTunnelWriting();
      return true;
    }
    this.#writer.end(trailers);
    this.isEnded = true;
    const isWritten = this.flush();
    exchange.listener = null;
    this.endExchange();
    this.#host.onAnswerEnd();
    return isWritten;
  }

  flush(): boolean {
    if (this.#output.flush()) return true;
    this.#deadlines.awaitWriting(this.#context.timeouts.write, "both");
    return false;
  }

  fail(code: ReasonCode, detail = "", extraFields = ""): void {
    const exchange = this.exchange;
    if (exchange === null || this.isEnded) return;
    exchange.reason ??= code;
    if (exchange.detail === "") exchange.detail = detail;
    const { status, isFinal } = reasons[code];
    if (exchange.isHeadSent || status === 499) {
      this.#abort();
      return;
    }
    if (isFinal) this.isKeptAlive = false;
    exchange.isRelayed = false;
    sendOwnAnswer(this, exchange.request, explain(code, exchange, extraFields));
  }

  #abort(): void {
    const exchange = this.exchange!;
    const isDelimited = exchange.isHeadSent && this.#writer.isDelimited;
    if (!exchange.isHeadSent) exchange.status = 499;
    this.cancel("CLIENT_GONE");
    this.isEnded = true;
    this.isKeptAlive = false;
    this.endExchange();
    this.#host.breakOff(isDelimited);
  }

  /** Answers in place of whoever does, unless an answer has begun. */
  refuse(code: ReasonCode): void {
    if (this.exchange === null || this.exchange.isHeadSent || this.isEnded) return;
    this.isKeptAlive = false;
    try {
      this.cancel(code);
      this.fail(code);
    } catch (error) {
      this.#context.onInternalError(error);
    }
  }

  /** Tells whoever answers that the answer is of no use any more. */
  cancel(code: ReasonCode): void {
    const exchange = this.exchange;
    const listener = exchange?.listener ?? null;
    if (exchange === null || listener === null) return;
    exchange.listener = null;
    listener.onCancel(code);
  }

  /** The client is gone, or is treated as gone: ends the exchange without an answer. */
  abandon(code: ReasonCode): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.isEnded) return;
    // Either side may end a tunnel as it likes.
    if (!this.#host.isTunnel || code !== "CLIENT_GONE") exchange.reason ??= code;
    if (!exchange.isHeadSent) exchange.status = 499;
    this.isEnded = true;
    this.cancel(code);
    this.endExchange();
  }

  /** The exchange is over, however it went: it is counted and logged, once. */
  endExchange(): void {
    const exchange = this.exchange;
    if (exchange === null || exchange.isEnded) return;
    exchange.isEnded = true;
    exchange.endedMs = this.#context.wheel.clock.now();
    this.#context.onExchangeEnd(exchange);
  }
}
