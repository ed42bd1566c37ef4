/**
 * One client connection: reads requests, one at a time and in order, hands each over as an exchange, and writes its answer.
 * While an exchange is under way the next request stays unread (pipelining is answered in order, RFC 9112 section 9.3.2); after a malformed one nothing is read any more.
 * Every wait has a deadline. An exception in here ends this connection and nothing else.
 *
 * Deliberately not here: routing, forwarding fields and everything above the message.
 */
import type { Socket } from "node:net";
import { type AnswerLength, type BodySink, Exchange, type Responder } from "../http/exchange.ts";
import { Framing, RequestHead } from "../http/message.ts";
import { type ReasonCode, reasons } from "../http/reason.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { answerBody, dateField, statusPhrase } from "./answer.ts";
import { BodyReader, type PieceReceiver } from "./body-reader.ts";
import { HeadReader } from "./head-reader.ts";
import { Output } from "./output.ts";
import type { ServerContext } from "./server-context.ts";
import { ServerDeadlines, Wait } from "./server-deadlines.ts";

const State = {
  /** Between requests, or in the middle of a head. */
  head: 0,
  /** The head is complete; body bytes are expected. */
  body: 1,
  /** The request is complete; the answer is not. */
  answer: 2,
  tunnel: 3,
  /** The answer is out, the connection is being closed: what still comes is thrown away. */
  closing: 4,
  closed: 5,
} as const;

/** How much and how long an unwanted rest is read, so that the answer is not lost in a reset (RFC 9112 section 9.6). */
const maxDiscardedBytes = 1_048_576;
const closingMs = 2_000;
/** After the client's FIN: how long it may take nothing of its answer before it is taken for gone. */
const halfClosedMs = 1_000;
/** While draining: a connection used this recently may have a request on its way. */
const drainMs = 1_000;

/** A client connection. */
export class ServerConnection implements Responder, PieceReceiver {
  // The origin of its exchanges.
  readonly listenerName: string;
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly #context: ServerContext;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #answer: AnswerWriter;
  readonly #deadlines: ServerDeadlines;
  readonly #headReader = new HeadReader();
  readonly #body = new BodyReader();
  readonly #isPeerTrusted: boolean;
  #state: number = State.head;
  #exchange: Exchange | null = null;
  /** Bytes that arrived and are not consumed. */
  #unread: Buffer | null = null;
  #isAdvancing = false;
  #isPaused = false;
  /** The client sent FIN. */
  #isHalfClosed = false;
  #hasEndedWriting = false;
  #isKeptAlive = true;
  #requestCount = 0;
  #headStartedMs = -1;
  #idleSinceMs: number;
  #bytesTakenAtFin = 0;
  // The exchange under way.
  #sink: BodySink | null = null;
  #isSinkBlocked = false;
  #isAnswerEnded = false;
  #discardedBytes = 0;
  /** The client may be waiting for a 100. */
  #isContinueAwaited = false;

  constructor(socket: Socket, context: ServerContext) {
    this.#socket = socket;
    this.#context = context;
    this.listenerName = context.listenerName;
    this.scheme = context.scheme;
    this.peerAddress = toPlainAddress(socket.remoteAddress ?? "");
    this.peerPort = socket.remotePort ?? 0;
    this.#isPeerTrusted = context.isTrusted(this.peerAddress);
    this.#output = new Output(socket, this.#onWritable);
    this.#answer = new AnswerWriter(this.#output);
    this.#deadlines = new ServerDeadlines(context.wheel, this.#onReadDeadline, this.#onWriteDeadline);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.on("data", this.#onData);
    this.#idleSinceMs = context.wheel.clock.now();
    this.#deadlines.await(Wait.idle, context.timeouts.keepAlive);
  }

  /** Lets the exchange under way finish, then closes. A request that crosses our FIN is lost, so a connection that was in use a moment ago gets that moment more. */
  drain(): void {
    this.#isKeptAlive = false;
    if (this.#state !== State.head || this.#unread !== null) return;
    if (this.#context.wheel.clock.now() - this.#idleSinceMs > drainMs) this.#destroy();
    else this.#deadlines.await(Wait.idle, drainMs);
  }

  /** Ends it now. */
  close(): void {
    this.#endAsGone("SHUTTING_DOWN");
  }

  // Reading.

  readonly #onData = (chunk: Buffer): void => {
    this.#unread = this.#unread === null ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#advance();
  };

  /** Consumes what has arrived, as far as the state allows. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      let hasConsumed = true;
      while (hasConsumed && this.#unread !== null) hasConsumed = this.#consume();
      if (this.#isHalfClosed && this.#isInputShort()) this.#endOfInput();
    } catch (error) {
      this.#crash(error);
    }
    this.#isAdvancing = false;
    // A head that is incomplete needs more bytes; everything else that is left waits for something on our side.
    const isReading = this.#unread === null ? !this.#isSinkBlocked : this.#state === State.head;
    if (isReading === this.#isPaused) this.#setPaused(!isReading);
  }

  #consume(): boolean {
    switch (this.#state) {
      case State.head: return this.#readHead();
      case State.body: return this.#readBody();
      case State.tunnel: return this.#readTunnel();
      case State.answer: return false;
      default:
        this.#discard(this.#unread!.length);
        this.#unread = null;
        return false;
    }
  }

  #readHead(): boolean {
    const bytes = this.#unread!;
    const context = this.#context;
    if (this.#headStartedMs === -1) this.#headStartedMs = context.wheel.clock.now();
    const reader = this.#headReader;
    const size = reader.read(bytes, context.limits, this.#isPeerTrusted);
    if (reader.failure !== null) {
      this.#refuse(reader.head ?? new RequestHead(), reader.failure);
      return false;
    }
    if (size === -1) {
      // The deadline runs from the first byte and is not moved by later ones (slowloris).
      if (this.#deadlines.wait !== Wait.head) this.#deadlines.await(Wait.head, context.timeouts.head);
      return false;
    }
    this.#unread = size === bytes.length ? null : bytes.subarray(size);
    this.#begin(reader.head!);
    return true;
  }

  #begin(head: RequestHead): void {
    const { limits, isDraining } = this.#context;
    const exchange = this.#makeExchange(head);
    this.#deadlines.stopWaiting();
    if (!head.isKeptAlive || isDraining || (limits.requestsPerConnection > 0 && this.#requestCount >= limits.requestsPerConnection)) this.#isKeptAlive = false;
    this.#isContinueAwaited = head.expectsContinue;
    if (head.framing === Framing.none) this.#state = State.answer;
    else {
      if (head.framing === Framing.chunked) this.#body.startChunked();
      else this.#body.startLength(head.contentLength);
      this.#state = this.#body.isOpen ? State.body : State.answer;
    }
    if (limits.bodyBytes > 0 && head.contentLength > limits.bodyBytes) this.fail("BODY_TOO_LARGE");
    // RFC 9110 sections 9.3.6 and 9.3.8: neither tunnels by CONNECT nor echoes of credentials by TRACE.
    else if (head.method === "CONNECT" || head.method === "TRACE") this.fail("METHOD_NOT_ALLOWED", "", "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    else this.#context.onExchange(exchange);
  }

  #makeExchange(head: RequestHead): Exchange {
    const { clock } = this.#context.wheel;
    const exchange = new Exchange(head, this, this);
    exchange.startedMs = this.#headStartedMs;
    exchange.headCompleteMs = this.#headReader.wasSplit ? clock.now() : this.#headStartedMs;
    exchange.startedWallMs = clock.wall();
    exchange.isPeerTrusted = this.#isPeerTrusted;
    this.#headStartedMs = -1;
    this.#exchange = exchange;
    this.#requestCount++;
    this.#isAnswerEnded = false;
    this.#sink = null;
    this.#isSinkBlocked = false;
    this.#discardedBytes = 0;
    this.#isContinueAwaited = false;
    this.#context.onExchangeStart();
    return exchange;
  }

  /** A head that cannot be understood: answered, logged, and nothing more is read. */
  #refuse(head: RequestHead, reason: ReasonCode): void {
    this.#unread = null;
    this.#makeExchange(head);
    this.#state = State.answer;
    this.fail(reason);
  }

  #readBody(): boolean {
    if (!this.#isAnswerEnded && (this.#sink === null || this.#isSinkBlocked)) return false;
    const bytes = this.#unread!;
    const body = this.#body;
    this.#unread = null;
    const next = body.read(bytes, 0, bytes.length, this);
    if (this.#state !== State.body) return false;
    if (body.failure !== null) this.#failBody(body.failure);
    else {
      if (next < bytes.length) this.#unread = bytes.subarray(next);
      if (body.isOpen) this.#flushBody();
      else this.#endBody(body.trailers);
    }
    return this.#unread !== null;
  }

  onBodyPiece(piece: Buffer): void {
    if (this.#state !== State.body) return;
    if (this.#isAnswerEnded) {
      this.#discard(piece.length);
      return;
    }
    const exchange = this.#exchange!;
    const { bodyBytes } = this.#context.limits;
    exchange.requestBodyBytes += piece.length;
    if (bodyBytes > 0 && exchange.requestBodyBytes > bodyBytes) this.#failBody("BODY_TOO_LARGE");
    else this.#sink?.onBodyData(piece);
  }

  #readTunnel(): boolean {
    if (this.#sink === null || this.#isSinkBlocked) return false;
    const bytes = this.#unread!;
    this.#unread = null;
    this.#exchange!.requestBodyBytes += bytes.length;
    this.#sink.onBodyData(bytes);
    this.#flushBody();
    return false;
  }

  #flushBody(): void {
    if (this.#isAnswerEnded || this.#sink === null) return;
    if (!this.#sink.onBodyFlush()) {
      // Whoever takes the body is slow, not the client.
      this.#isSinkBlocked = true;
      this.#deadlines.stopWaiting();
    } else if (this.#state === State.body) this.#deadlines.await(Wait.body, this.#context.timeouts.body);
  }

  #endBody(trailers: string): void {
    this.#deadlines.stopWaiting();
    this.#state = State.answer;
    if (this.#isAnswerEnded) this.#finish();
    else this.#sink?.onBodyEnd(trailers);
  }

  /** The body is broken: whoever takes it must not take it for complete. */
  #failBody(reason: ReasonCode): void {
    if (this.#isAnswerEnded) {
      this.#destroy();
      return;
    }
    this.#cancel(reason);
    this.fail(reason);
  }

  #discard(byteCount: number): void {
    this.#discardedBytes += byteCount;
    if (this.#discardedBytes > maxDiscardedBytes) this.#destroy();
  }

  // `Responder`.

  startBody(sink: BodySink): void {
    if (this.#exchange === null || this.#isAnswerEnded) return;
    this.#sink = sink;
    if (this.#state === State.answer) {
      sink.onBodyEnd("");
      return;
    }
    if (this.#state === State.body && this.#unread === null) this.#deadlines.await(Wait.body, this.#context.timeouts.body);
    if (this.#isHalfClosed && this.#unread === null) this.#endOfInput();
    else this.#advance();
  }

  resumeBody(): void {
    if (!this.#isSinkBlocked) return;
    this.#isSinkBlocked = false;
    if (this.#state === State.body) this.#deadlines.await(Wait.body, this.#context.timeouts.body);
    this.#advance();
  }

  sendInterim(status: number, reasonPhrase: string, fields: string): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isHeadSent || exchange.request.minorVersion === 0) return;
    if (status === 100) {
      if (!this.#isContinueAwaited) return;
      this.#isContinueAwaited = false;
    }
    this.#answer.interim(status, reasonPhrase, fields);
    this.flush();
  }

  sendHead(status: number, reasonPhrase: string, fields: string, length: AnswerLength, lengthField: number | null): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isHeadSent) return;
    exchange.isHeadSent = true;
    exchange.status = status;
    // A client that waited for a 100 in vain sends its body or the next request: no telling which (RFC 9110 section 10.1.1). Early tunnel bytes are no request either.
    if (this.#unread === null ? this.#isContinueAwaited && this.#state === State.body && exchange.requestBodyBytes === 0 : exchange.request.isWebSocket) this.#isKeptAlive = false;
    this.#isKeptAlive = this.#answer.head({ status, reasonPhrase, fields, length, lengthField }, exchange.request, this.#isKeptAlive);
  }

  sendSwitch(fields: string): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isHeadSent || this.#state !== State.answer) return;
    exchange.isHeadSent = true;
    exchange.status = 101;
    this.#isKeptAlive = false;
    this.#state = State.tunnel;
    this.#socket.setKeepAlive(true, 15_000);
    this.#answer.switchProtocols(fields);
    this.flush();
  }

  sendData(chunk: Buffer): void {
    if (this.#exchange === null || chunk.length === 0) return;
    this.#exchange.responseBodyBytes += chunk.length;
    this.#answer.data(chunk);
  }

  sendEnd(trailers: string): boolean {
    const exchange = this.#exchange;
    if (exchange === null || this.#isAnswerEnded) return true;
    if (this.#state === State.tunnel) {
      this.#endTunnelWriting();
      return true;
    }
    this.#answer.end(trailers);
    this.#isAnswerEnded = true;
    const isWritten = this.flush();
    exchange.listener = null;
    this.#endExchange();
    if (this.#state === State.answer) this.#finish();
    else if (this.#state === State.body) this.#finishUpload();
    return isWritten;
  }

  flush(): boolean {
    if (this.#state === State.closed || this.#output.flush()) return true;
    this.#deadlines.awaitWriting(this.#context.timeouts.write);
    return false;
  }

  fail(code: ReasonCode, detail = "", extraFields = ""): void {
    const exchange = this.#exchange;
    if (exchange === null || this.#isAnswerEnded) return;
    exchange.reason ??= code;
    if (exchange.detail === "") exchange.detail = detail;
    const { status, isFinal } = reasons[code];
    if (!exchange.isHeadSent && status === 499) exchange.status = 499;
    if (exchange.isHeadSent || status === 499) {
      this.#abort();
      return;
    }
    if (isFinal) this.#isKeptAlive = false;
    const { fields, body } = answerBody(code, exchange.request, exchange.requestId);
    const isHead = exchange.request.method === "HEAD";
    this.sendHead(status, statusPhrase(status), `${dateField()}${extraFields}${fields}`, isHead ? "none" : body.length, isHead ? body.length : null);
    if (!isHead) this.sendData(Buffer.from(body, "latin1"));
    this.sendEnd("");
  }

  // Endings.

  #endExchange(): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isEnded) return;
    exchange.isEnded = true;
    exchange.endedMs = this.#context.wheel.clock.now();
    this.#idleSinceMs = exchange.endedMs;
    this.#context.onExchangeEnd(exchange);
  }

  /** Request and answer are complete: on to the next request, or close. */
  #finish(): void {
    this.#exchange = null;
    this.#sink = null;
    if (!this.#isKeptAlive || (this.#isHalfClosed && this.#unread === null)) {
      this.#closeGracefully();
      return;
    }
    this.#state = State.head;
    this.#deadlines.await(Wait.idle, this.#context.timeouts.keepAlive);
    this.#advance();
  }

  /** The answer was complete before the request: the rest is read and dropped, within limits, so that the connection may serve again. */
  #finishUpload(): void {
    if (!this.#isKeptAlive || (this.#body.remaining > maxDiscardedBytes && this.#body.remaining !== Number.POSITIVE_INFINITY)) {
      this.#closeGracefully();
      return;
    }
    this.#sink = null;
    this.#isSinkBlocked = false;
    this.#deadlines.await(Wait.closing, closingMs);
    this.#advance();
  }

  /** Sends FIN after the answer and reads on for a moment, so that the kernel does not answer late bytes with a reset that destroys it. */
  #closeGracefully(): void {
    if (this.#state === State.closed) return;
    this.#exchange = null;
    this.#sink = null;
    this.#isSinkBlocked = false;
    this.#unread = null;
    this.#state = State.closing;
    if (!this.#hasEndedWriting) {
      this.#hasEndedWriting = true;
      this.#output.flush();
      this.#socket.end();
    }
    if (this.#isHalfClosed) this.#destroyWhenWritten();
    else {
      this.#deadlines.await(Wait.closing, this.#output.isBlocked ? this.#context.timeouts.write : closingMs);
      this.#setPaused(false);
    }
  }

  #destroyWhenWritten(): void {
    if (this.#socket.writableFinished) this.#destroy();
    else {
      this.#deadlines.await(Wait.closing, this.#context.timeouts.write);
      this.#socket.once("finish", () => this.#destroy());
    }
  }

  /** The only way to say "this is not all" is to close early (RFC 9112 section 8): with a reset, where the end of the connection was to be the end of the answer. */
  #abort(): void {
    this.#cancel("CLIENT_GONE");
    this.#isAnswerEnded = true;
    this.#isKeptAlive = false;
    this.#endExchange();
    if (this.#exchange?.isHeadSent === true && this.#answer.isDelimited) this.#closeGracefully();
    else this.#destroy("reset");
  }

  #cancel(code: ReasonCode): void {
    const listener = this.#exchange?.listener ?? null;
    if (listener === null) return;
    this.#exchange!.listener = null;
    listener.onCancel(code);
  }

  /** The client is gone, or is treated as gone: whatever was under way is over. */
  #endAsGone(code: ReasonCode): void {
    if (this.#state === State.closed) return;
    const exchange = this.#exchange;
    if (exchange !== null && !exchange.isEnded) {
      // Either side may end a tunnel as it likes.
      if (this.#state !== State.tunnel || code !== "CLIENT_GONE") exchange.reason ??= code;
      if (!exchange.isHeadSent) exchange.status = 499;
      this.#isAnswerEnded = true;
      this.#cancel(code);
      this.#endExchange();
    }
    this.#destroy();
  }

  #destroy(how: "close" | "reset" = "close"): void {
    if (this.#state === State.closed) return;
    this.#state = State.closed;
    this.#exchange = null;
    this.#sink = null;
    this.#unread = null;
    this.#deadlines.remove();
    if (how === "reset") this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    this.#context.onClosed(this);
  }

  #endTunnelWriting(): void {
    if (this.#hasEndedWriting) return;
    this.#hasEndedWriting = true;
    this.#output.flush();
    this.#socket.end();
    if (this.#isHalfClosed) this.#endTunnel();
  }

  /** Both directions of the tunnel are done. */
  #endTunnel(): void {
    this.#isAnswerEnded = true;
    this.#endExchange();
    this.#cancel("CLIENT_GONE");
    this.#closeGracefully();
  }

  #crash(error: unknown): void {
    this.#context.onInternalError(error);
    try {
      this.#cancel("INTERNAL_ERROR");
      this.fail("INTERNAL_ERROR");
    } catch (second) {
      this.#context.onInternalError(second);
    }
    if (this.#state !== State.closing) this.#endAsGone("INTERNAL_ERROR");
  }

  // Socket events and deadlines.

  readonly #onEnd = (): void => {
    this.#isHalfClosed = true;
    try {
      this.#endOfInput();
    } catch (error) {
      this.#crash(error);
    }
  };

  /** After FIN: what is there will never be enough. */
  #isInputShort(): boolean {
    if (this.#state === State.head) return this.#unread !== null;
    return (this.#state === State.body || this.#state === State.tunnel) && this.#unread === null;
  }

  /** The client sends no more. Whatever it is still owed is answered as long as it takes it. */
  #endOfInput(): void {
    switch (this.#state) {
      case State.head:
        if (this.#unread !== null) this.#refuse(new RequestHead(), "TRUNCATED_REQUEST");
        else this.#destroy();
        return;
      case State.body:
        if (this.#unread === null || this.#isAnswerEnded) this.#failBody("TRUNCATED_REQUEST");
        return;
      case State.answer:
        this.#bytesTakenAtFin = this.#bytesTaken;
        this.#deadlines.await(Wait.halfClosed, halfClosedMs);
        return;
      case State.tunnel:
        if (this.#unread !== null) return;
        this.#sink?.onBodyEnd("");
        if (this.#hasEndedWriting) this.#endTunnel();
        return;
      case State.closing:
        this.#destroyWhenWritten();
    }
  }

  get #bytesTaken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  readonly #onError = (): void => this.#endAsGone("CLIENT_GONE");

  readonly #onClose = (): void => this.#endAsGone("CLIENT_GONE");

  readonly #onWritable = (): void => {
    this.#deadlines.stopWriting();
    if (this.#state === State.closing) this.#deadlines.await(Wait.closing, closingMs);
    this.#exchange?.listener?.onWritable();
  };

  readonly #onWriteDeadline = (): void => this.#endAsGone("CLIENT_WRITE_TIMEOUT");

  readonly #onReadDeadline = (wait: Wait): void => {
    switch (wait) {
      case Wait.head: return this.#refuse(new RequestHead(), "HEAD_TIMEOUT");
      case Wait.body: return this.#failBody("BODY_TIMEOUT");
      case Wait.halfClosed:
        // A client that only closed its sending side keeps taking the answer; one that is gone does not.
        if (this.#bytesTaken === this.#bytesTakenAtFin) return this.#endAsGone("CLIENT_GONE");
        return this.#endOfInput();
      default: return this.#destroy();
    }
  };

  #setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused || this.#state === State.closed) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }
}

/** IPv4 clients of a dual-stack socket come as `::ffff:192.0.2.1`. */
function toPlainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
