/**
 * One client connection: reads requests, one at a time and in order, hands each over as an exchange, and writes its answer.
 * While an exchange is under way the next request stays unread in the socket (pipelining is answered in order, RFC 9112 section 9.3.2); after a malformed one nothing is
 * read any more. Every wait has a deadline. An exception in here ends this connection and nothing else.
 *
 * Deliberately not here: routing, forwarding fields and everything above the message.
 */
import type { Socket } from "node:net";
import { Deadline } from "../base/timer-wheel.ts";
import { type AnswerLength, type BodySink, Exchange, type Responder } from "../http/exchange.ts";
import { Framing, RequestHead } from "../http/message.ts";
import { type ReasonCode, reasons } from "../http/reason.ts";
import { answerBody, dateField, statusPhrase } from "./answer.ts";
import { ChunkedDecoder, ChunkEvent, hasBareLineEnd } from "./chunked-decoder.ts";
import { Output } from "./output.ts";
import { parsed, parseRequestHead } from "./request-parser.ts";
import type { ServerContext } from "./server-context.ts";

const State = {
  /** Between requests, or in the middle of a head. */
  head: 0,
  /** The head is complete; body bytes are expected. */
  length: 1,
  chunked: 2,
  /** The request is complete; the answer is not. */
  answer: 3,
  tunnel: 4,
  /** The answer is out, the connection is being closed: what still comes is thrown away. */
  closing: 5,
  closed: 6,
} as const;

/** What the read deadline is for. */
const Wait = { none: 0, idle: 1, head: 2, body: 3, closing: 4, halfClosed: 5 } as const;

/** How long and how much of an unwanted rest is read, so that the answer is not lost in a reset (RFC 9112 section 9.6). */
const closingMs = 2_000;
const maxDiscardedBytes = 1_048_576;
const halfCloseGraceMs = 1_000;
const drainGraceMs = 1_000;

/** IPv4 clients of a dual-stack socket come as `::ffff:192.0.2.1`. */
function toPlainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** A client connection. */
export class ServerConnection implements Responder {
  readonly #context: ServerContext;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #readDeadline: Deadline;
  #writeDeadline: Deadline | null = null;
  // The origin of its exchanges.
  readonly listenerName: string;
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly #isPeerTrusted: boolean;
  #state: number = State.head;
  #wait: number = Wait.none;
  #exchange: Exchange | null = null;
  /** Bytes that arrived and are not consumed. */
  #unread: Buffer | null = null;
  #isAdvancing = false;
  #isPaused = false;
  /** The client sent FIN. */
  #isHalfClosed = false;
  #requestCount = 0;
  #headStartedMs = -1;
  #idleSinceMs: number;
  // The request body.
  #sink: BodySink | null = null;
  #isSinkBlocked = false;
  #remaining = 0;
  #decoder: ChunkedDecoder | null = null;
  #discardedBytes = 0;
  #maySendContinue = false;
  // The answer.
  #isAnswerChunked = false;
  /** The client can tell a complete answer from one that broke off. */
  #isAnswerDelimited = false;
  #isAnswerEnded = false;
  #isKeptAlive = true;
  #hasEndedWriting = false;
  #bytesWrittenAtFin = 0;

  constructor(socket: Socket, context: ServerContext) {
    this.#socket = socket;
    this.#context = context;
    this.listenerName = context.listenerName;
    this.scheme = context.scheme;
    this.peerAddress = toPlainAddress(socket.remoteAddress ?? "");
    this.peerPort = socket.remotePort ?? 0;
    this.#isPeerTrusted = context.isTrusted(this.peerAddress);
    this.#output = new Output(socket, this.#onWritable);
    this.#readDeadline = new Deadline(this.#onReadDeadline);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.on("data", this.#onData);
    this.#idleSinceMs = context.wheel.clock.now();
    this.#armRead(Wait.idle, context.timeouts.keepAlive);
  }

  /** An exchange is under way. */
  get isBusy(): boolean {
    return this.#exchange !== null;
  }

  /**
   * Lets the exchange under way finish, then closes. A connection idle for a while is closed at once; one that was in use a moment ago may have a request on its way
   * and gets that moment, because a request that crosses our FIN is lost.
   */
  drain(): void {
    this.#isKeptAlive = false;
    if (this.#state !== State.head || this.#unread !== null) return;
    if (this.#context.wheel.clock.now() - this.#idleSinceMs > drainGraceMs) this.#destroy();
    else this.#armRead(Wait.idle, drainGraceMs);
  }

  /** Ends it now. */
  close(): void {
    this.#gone("SHUTTING_DOWN");
  }

  // Reading.

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#unread = this.#unread === null ? chunk : Buffer.concat([this.#unread, chunk]);
      this.#advance();
    } catch (error) {
      this.#crash(error);
    }
  };

  /** Consumes what has arrived, as far as the state allows. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    let consumed = true;
    while (consumed && this.#unread !== null) {
      switch (this.#state) {
        case State.head: consumed = this.#readHead(); break;
        case State.length: consumed = this.#readLength(); break;
        case State.chunked: consumed = this.#readChunked(); break;
        case State.tunnel: consumed = this.#readTunnel(); break;
        case State.answer: consumed = false; break;
        default:
          this.#discard(this.#unread.length);
          this.#unread = null;
      }
    }
    this.#isAdvancing = false;
    if (this.#isHalfClosed && this.#isInputShort()) this.#endOfInput();
    // A head that is incomplete needs more bytes; everything else that is left waits for something on our side.
    const mayRead = this.#unread === null ? !this.#isSinkBlocked : this.#state === State.head;
    if (mayRead) this.#resume();
    else this.#pause();
  }

  /** After FIN: what is there will never be enough. */
  #isInputShort(): boolean {
    if (this.#state === State.head) return this.#unread !== null;
    return (this.#state === State.length || this.#state === State.chunked || this.#state === State.tunnel) && this.#unread === null;
  }

  #readHead(): boolean {
    const bytes = this.#unread!;
    const context = this.#context;
    if (this.#headStartedMs === -1) this.#headStartedMs = context.wheel.clock.now();
    else if (this.#isHeadStillOpen(bytes)) return false;
    parseRequestHead(bytes, 0, bytes.length, context.limits, this.#isPeerTrusted);
    if (parsed.failure !== null) {
      this.#unread = null;
      this.#refuse(parsed.head ?? new RequestHead(), parsed.failure);
      return false;
    }
    const head = parsed.head;
    if (head === null) {
      // The deadline runs from the first byte and is not moved by later ones (slowloris).
      if (this.#wait !== Wait.head) this.#armRead(Wait.head, context.timeouts.head);
      this.#scannedBytes = bytes.length;
      return false;
    }
    this.#unread = parsed.next === bytes.length ? null : bytes.subarray(parsed.next);
    this.#scannedBytes = 0;
    this.#begin(head);
    return true;
  }

  #scannedBytes = 0;

  /** Is more needed before it is worth parsing a partial head again? Keeps the work on a trickle linear. */
  #isHeadStillOpen(bytes: Buffer): boolean {
    const from = this.#scannedBytes;
    if (from === 0) return false;
    this.#scannedBytes = bytes.length;
    return bytes.indexOf("\r\n\r\n", Math.max(0, from - 3), "latin1") === -1
      && bytes.length <= this.#context.limits.headBytes && !hasBareLineEnd(bytes, from);
  }

  #begin(head: RequestHead): void {
    const context = this.#context;
    const exchange = this.#makeExchange(head);
    this.#wait = Wait.none;
    context.wheel.disarm(this.#readDeadline);
    if (!head.isKeptAlive || context.isDraining || (context.limits.requestsPerConnection > 0 && this.#requestCount >= context.limits.requestsPerConnection)) this.#isKeptAlive = false;
    this.#maySendContinue = head.expectsContinue;
    if (head.framing === Framing.chunked) {
      this.#state = State.chunked;
      (this.#decoder ??= new ChunkedDecoder()).reset();
    } else if (head.framing === Framing.length && head.contentLength > 0) {
      this.#state = State.length;
      this.#remaining = head.contentLength;
    } else this.#state = State.answer;
    const maxBodyBytes = context.limits.bodyBytes;
    if (maxBodyBytes > 0 && head.contentLength > maxBodyBytes) this.fail("BODY_TOO_LARGE");
    // RFC 9110 sections 9.3.6 and 9.3.8: neither tunnels by CONNECT nor echoes of credentials by TRACE.
    else if (head.method === "CONNECT" || head.method === "TRACE") this.#refuseMethod();
    else context.onExchange(exchange);
  }

  #makeExchange(head: RequestHead): Exchange {
    const exchange = new Exchange(head, this, this);
    const clock = this.#context.wheel.clock;
    exchange.startedMs = this.#headStartedMs;
    exchange.headCompleteMs = this.#scannedBytes === 0 ? this.#headStartedMs : clock.now();
    exchange.startedWallMs = clock.wall();
    exchange.isPeerTrusted = this.#isPeerTrusted;
    this.#headStartedMs = -1;
    this.#exchange = exchange;
    this.#requestCount++;
    this.#isAnswerEnded = false;
    this.#isAnswerChunked = false;
    this.#sink = null;
    this.#isSinkBlocked = false;
    this.#discardedBytes = 0;
    this.#context.onExchangeStart();
    return exchange;
  }

  /** A head that cannot be understood: answered, logged, and nothing more is read. */
  #refuse(head: RequestHead, reason: ReasonCode): void {
    this.#makeExchange(head);
    this.#state = State.answer;
    this.#isKeptAlive = false;
    this.fail(reason);
  }

  #refuseMethod(): void {
    this.#isKeptAlive = false;
    this.fail("METHOD_NOT_ALLOWED", "", "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
  }

  #readLength(): boolean {
    const sink = this.#sink;
    if (!this.#canTakeBody()) return false;
    const bytes = this.#unread!;
    const size = Math.min(bytes.length, this.#remaining);
    this.#remaining -= size;
    this.#unread = size === bytes.length ? null : bytes.subarray(size);
    this.#takeBody(size === bytes.length ? bytes : bytes.subarray(0, size));
    if (this.#remaining === 0) this.#endBody("");
    else this.#flushBody(sink);
    return this.#unread !== null;
  }

  #readChunked(): boolean {
    if (!this.#canTakeBody()) return false;
    const sink = this.#sink;
    const bytes = this.#unread!;
    const decoder = this.#decoder!;
    let at = 0;
    while (this.#state === State.chunked) {
      at = decoder.next(bytes, at, bytes.length);
      if (decoder.event === ChunkEvent.data) this.#takeBody(bytes.subarray(decoder.dataStart, decoder.dataEnd));
      else if (decoder.event === ChunkEvent.end) this.#endBody(decoder.trailers);
      else if (decoder.event === ChunkEvent.needMore) break;
      else {
        this.#unread = null;
        this.#failBody(decoder.event === ChunkEvent.badTrailer ? "BAD_TRAILER" : "BAD_CHUNK");
        return false;
      }
    }
    this.#unread = at === bytes.length ? null : bytes.subarray(at);
    if (this.#state === State.chunked) this.#flushBody(sink);
    return this.#unread !== null;
  }

  #readTunnel(): boolean {
    const sink = this.#sink;
    if (sink === null || this.#isSinkBlocked) return false;
    const bytes = this.#unread!;
    this.#unread = null;
    if (this.#exchange !== null) this.#exchange.requestBodyBytes += bytes.length;
    sink.onBodyData(bytes);
    this.#flushBody(sink);
    return false;
  }

  #canTakeBody(): boolean {
    return (this.#sink !== null && !this.#isSinkBlocked) || this.#isAnswerEnded;
  }

  #takeBody(chunk: Buffer): void {
    if (this.#isAnswerEnded) {
      this.#discard(chunk.length);
      return;
    }
    const exchange = this.#exchange!;
    exchange.requestBodyBytes += chunk.length;
    const maxBodyBytes = this.#context.limits.bodyBytes;
    if (maxBodyBytes > 0 && exchange.requestBodyBytes > maxBodyBytes) this.#failBody("BODY_TOO_LARGE");
    else this.#sink?.onBodyData(chunk);
  }

  #flushBody(sink: BodySink | null): void {
    if (this.#state === State.closed) return;
    if (sink !== null && !this.#isAnswerEnded && !sink.onBodyFlush()) {
      this.#isSinkBlocked = true;
      this.#wait = Wait.none;
      this.#context.wheel.disarm(this.#readDeadline);
    } else if (!this.#isAnswerEnded && (this.#state === State.length || this.#state === State.chunked)) this.#armRead(Wait.body, this.#context.timeouts.body);
  }

  #endBody(trailers: string): void {
    if (this.#state === State.closed || this.#state === State.closing) return;
    this.#wait = Wait.none;
    this.#context.wheel.disarm(this.#readDeadline);
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
    this.#isKeptAlive = false;
    this.#cancelUpstream(reason);
    this.fail(reason);
  }

  #discard(byteCount: number): void {
    this.#discardedBytes += byteCount;
    if (this.#discardedBytes > maxDiscardedBytes) this.#destroy();
  }

  // The client's side of an exchange: `Responder`.

  startBody(sink: BodySink): void {
    if (this.#exchange === null || this.#isAnswerEnded || this.#state === State.closed) return;
    this.#sink = sink;
    if (this.#state === State.answer) {
      sink.onBodyEnd("");
      return;
    }
    if (this.#state !== State.tunnel && this.#unread === null) this.#armRead(Wait.body, this.#context.timeouts.body);
    if (this.#isHalfClosed && this.#unread === null) this.#endOfInput();
    else this.#advanceSafely();
  }

  resumeBody(): void {
    if (!this.#isSinkBlocked || this.#state === State.closed) return;
    this.#isSinkBlocked = false;
    if (this.#state === State.length || this.#state === State.chunked) this.#armRead(Wait.body, this.#context.timeouts.body);
    this.#advanceSafely();
  }

  #advanceSafely(): void {
    try {
      this.#advance();
    } catch (error) {
      this.#crash(error);
    }
  }

  sendInterim(status: number, reasonPhrase: string, fields: string): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isHeadSent || exchange.request.minorVersion === 0) return;
    if (status === 100) {
      if (!this.#maySendContinue) return;
      this.#maySendContinue = false;
    }
    this.#output.text(`HTTP/1.1 ${status} ${reasonPhrase}\r\n${fields}\r\n`);
    this.#output.flush();
  }

  sendHead(status: number, reasonPhrase: string, fields: string, length: AnswerLength, lengthField: number | null): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isHeadSent) return;
    exchange.isHeadSent = true;
    exchange.status = status;
    let framing = "";
    this.#isAnswerDelimited = length !== "unknown" || exchange.request.minorVersion === 1;
    if (length === "unknown") {
      if (exchange.request.minorVersion === 1) {
        this.#isAnswerChunked = true;
        framing = "Transfer-Encoding: chunked\r\n";
      } else this.#isKeptAlive = false;
    } else if (length !== "none") framing = `Content-Length: ${length}\r\n`;
    else if (lengthField !== null) framing = `Content-Length: ${lengthField}\r\n`;
    // A client that waits for a 100 it never got may send its body or the next request: no telling which (RFC 9110 section 10.1.1).
    if (this.#maySendContinue && status >= 200) this.#isKeptAlive = this.#isKeptAlive && this.#unread !== null;
    if (exchange.request.isWebSocket && this.#unread !== null) this.#isKeptAlive = false;
    const connection = !this.#isKeptAlive ? "Connection: close\r\n" : exchange.request.minorVersion === 0 ? "Connection: keep-alive\r\n" : "";
    this.#output.text(`HTTP/1.1 ${status} ${reasonPhrase}\r\n${fields}${framing}${connection}\r\n`);
  }

  sendSwitch(fields: string): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isHeadSent || this.#state !== State.answer) return;
    exchange.isHeadSent = true;
    exchange.status = 101;
    this.#isKeptAlive = false;
    this.#state = State.tunnel;
    this.#output.text(`HTTP/1.1 101 Switching Protocols\r\n${fields}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    this.#output.flush();
  }

  sendData(chunk: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === null || chunk.length === 0) return;
    exchange.responseBodyBytes += chunk.length;
    if (this.#isAnswerChunked) {
      this.#output.text(`${chunk.length.toString(16)}\r\n`);
      this.#output.bytes(chunk);
      this.#output.text("\r\n");
    } else this.#output.bytes(chunk);
  }

  sendEnd(trailers: string): void {
    const exchange = this.#exchange;
    if (exchange === null || this.#isAnswerEnded) return;
    if (this.#state === State.tunnel) {
      this.#endTunnelWriting();
      return;
    }
    if (this.#isAnswerChunked) this.#output.text(`0\r\n${trailers}\r\n`);
    this.#isAnswerEnded = true;
    this.flush();
    exchange.listener = null;
    this.#finishExchange();
    if (this.#state === State.answer) this.#finish();
    else if (this.#state === State.length || this.#state === State.chunked) this.#finishUpload();
  }

  flush(): boolean {
    if (this.#state === State.closed) return true;
    if (this.#output.flush()) return true;
    if (this.#context.timeouts.write > 0) this.#context.wheel.arm((this.#writeDeadline ??= new Deadline(this.#onWriteDeadline)), this.#context.timeouts.write);
    return false;
  }

  fail(code: ReasonCode, detail = "", extraFields = ""): void {
    const exchange = this.#exchange;
    if (exchange === null || this.#isAnswerEnded || this.#state === State.closed) return;
    exchange.reason ??= code;
    if (exchange.detail === "") exchange.detail = detail;
    if (exchange.isHeadSent) {
      this.#abort();
      return;
    }
    const reason = reasons[code];
    if (reason.status === 499) {
      exchange.status = 499;
      this.#abort();
      return;
    }
    const isBodyOpen = this.#state === State.length || this.#state === State.chunked;
    if (reason.side === "downstream" && (code !== "NO_ROUTE" && code !== "RATE_LIMITED" && code !== "LOOP_DETECTED")) this.#isKeptAlive = false;
    if (isBodyOpen && this.#maySendContinue) this.#isKeptAlive = false;
    const answer = answerBody(code, exchange.request, exchange.requestId);
    this.sendHead(reason.status, statusPhrase(reason.status), `${dateField()}${extraFields}${answer.fields}`, answer.body.length, null);
    if (exchange.request.method !== "HEAD") {
      exchange.responseBodyBytes += answer.body.length;
      this.#output.text(answer.body);
    }
    this.sendEnd("");
  }

  // Endings.

  /** The answer was complete before the request: the rest is read and dropped, within limits, so that the connection may serve again. */
  #finishUpload(): void {
    if (!this.#isKeptAlive || (this.#state === State.length && this.#remaining > maxDiscardedBytes)) {
      this.#closeGracefully();
      return;
    }
    this.#sink = null;
    this.#isSinkBlocked = false;
    this.#armRead(Wait.closing, closingMs);
    this.#advanceSafely();
  }

  #finishExchange(): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.isEnded) return;
    exchange.isEnded = true;
    exchange.endedMs = this.#context.wheel.clock.now();
    this.#context.onExchangeEnd(exchange);
  }

  /** Request and answer are complete: on to the next request, or close. */
  #finish(): void {
    this.#exchange = null;
    this.#sink = null;
    if (!this.#isKeptAlive) {
      this.#closeGracefully();
      return;
    }
    this.#state = State.head;
    if (this.#isHalfClosed && this.#unread === null) this.#closeGracefully();
    else {
      this.#idleSinceMs = this.#context.wheel.clock.now();
      this.#armRead(Wait.idle, this.#context.timeouts.keepAlive);
      this.#advanceSafely();
    }
  }

  /** Sends FIN after the answer and reads on for a moment, so that the kernel does not answer late bytes with a reset that destroys it. */
  #closeGracefully(): void {
    if (this.#state === State.closed) return;
    this.#exchange = null;
    this.#sink = null;
    this.#state = State.closing;
    this.#unread = null;
    this.#isSinkBlocked = false;
    if (!this.#hasEndedWriting) {
      this.#hasEndedWriting = true;
      this.#output.flush();
      this.#socket.end();
    }
    if (this.#isHalfClosed && this.#socket.writableLength === 0) {
      this.#destroyWhenFlushed();
      return;
    }
    this.#armRead(Wait.closing, this.#output.isBlocked ? this.#context.timeouts.write : closingMs);
    this.#resume();
  }

  #destroyWhenFlushed(): void {
    if (this.#socket.writableFinished) this.#destroy();
    else this.#socket.once("finish", () => this.#destroy());
  }

  /**
   * The only way to say "this is not all" in HTTP/1.1 is to close early (RFC 9112 section 8); with a reset, where the end of the connection was to be the end of the answer.
   */
  #abort(): void {
    this.#cancelUpstream("CLIENT_GONE");
    this.#isAnswerEnded = true;
    this.#isKeptAlive = false;
    this.#finishExchange();
    if (this.#isAnswerDelimited) this.#closeGracefully();
    else this.#destroy("reset");
  }

  #cancelUpstream(code: ReasonCode): void {
    const exchange = this.#exchange;
    const listener = exchange?.listener ?? null;
    if (exchange !== null) exchange.listener = null;
    listener?.onCancel(code);
  }

  /** The client is gone, or is treated as gone: whatever was under way is over. */
  #gone(code: ReasonCode): void {
    if (this.#state === State.closed) return;
    const exchange = this.#exchange;
    if (exchange !== null && !exchange.isEnded) {
      const wasTunnel = this.#state === State.tunnel;
      if (!wasTunnel || code !== "CLIENT_GONE") exchange.reason ??= code;
      if (!exchange.isHeadSent) exchange.status = 499;
      this.#isAnswerEnded = true;
      this.#cancelUpstream(code);
      this.#finishExchange();
    }
    this.#destroy();
  }

  #destroy(how: "close" | "reset" = "close"): void {
    if (this.#state === State.closed) return;
    this.#state = State.closed;
    this.#exchange = null;
    this.#sink = null;
    this.#unread = null;
    this.#context.wheel.remove(this.#readDeadline);
    if (this.#writeDeadline !== null) this.#context.wheel.remove(this.#writeDeadline);
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
    this.#finishExchange();
    this.#cancelUpstream("CLIENT_GONE");
    this.#state = State.closing;
    this.#destroyWhenFlushed();
  }

  #crash(error: unknown): void {
    this.#isAdvancing = false;
    this.#context.onInternalError(error);
    const exchange = this.#exchange;
    if (exchange !== null) exchange.reason ??= "INTERNAL_ERROR";
    try {
      if (exchange !== null && !exchange.isHeadSent) {
        this.#cancelUpstream("INTERNAL_ERROR");
        this.#isKeptAlive = false;
        this.fail("INTERNAL_ERROR");
        return;
      }
    } catch (second) {
      this.#context.onInternalError(second);
    }
    this.#gone("INTERNAL_ERROR");
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

  /** The client sends no more. Whatever it is still owed is answered as long as it takes it. */
  #endOfInput(): void {
    switch (this.#state) {
      case State.head:
        if (this.#unread !== null) this.#refuse(new RequestHead(), "TRUNCATED_REQUEST");
        else this.#destroy();
        return;
      case State.length:
      case State.chunked:
        if (this.#unread !== null && !this.#isAnswerEnded) return;
        this.#failBody("TRUNCATED_REQUEST");
        return;
      case State.answer:
        this.#bytesWrittenAtFin = this.#socket.bytesWritten;
        this.#armRead(Wait.halfClosed, halfCloseGraceMs);
        return;
      case State.tunnel:
        if (this.#unread !== null) return;
        this.#sink?.onBodyEnd("");
        if (this.#hasEndedWriting) this.#endTunnel();
        return;
      case State.closing:
        this.#destroyWhenFlushed();
    }
  }

  readonly #onError = (): void => this.#gone("CLIENT_GONE");

  readonly #onClose = (): void => this.#gone("CLIENT_GONE");

  readonly #onWritable = (): void => {
    if (this.#writeDeadline !== null) this.#context.wheel.disarm(this.#writeDeadline);
    if (this.#state === State.closing) this.#armRead(Wait.closing, closingMs);
    this.#exchange?.listener?.onWritable();
  };

  readonly #onWriteDeadline = (): void => this.#gone("CLIENT_WRITE_TIMEOUT");

  readonly #onReadDeadline = (): void => {
    switch (this.#wait) {
      case Wait.head:
        this.#unread = null;
        this.#refuse(new RequestHead(), "HEAD_TIMEOUT");
        return;
      case Wait.body:
        this.#failBody("BODY_TIMEOUT");
        return;
      case Wait.halfClosed: {
        // A client that only closed its sending side keeps taking the answer; one that is gone does not.
        const written = this.#socket.bytesWritten - this.#socket.writableLength;
        if (written === this.#bytesWrittenAtFin) return this.#gone("CLIENT_GONE");
        this.#bytesWrittenAtFin = written;
        return this.#armRead(Wait.halfClosed, halfCloseGraceMs);
      }
      default:
        this.#destroy();
    }
  };

  #armRead(wait: number, delayMs: number): void {
    this.#wait = wait;
    if (delayMs > 0) this.#context.wheel.arm(this.#readDeadline, delayMs);
    else this.#context.wheel.disarm(this.#readDeadline);
  }

  #pause(): void {
    if (this.#isPaused || this.#state === State.closed) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#isPaused || this.#state === State.closed) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
