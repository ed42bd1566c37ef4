/**
 * One client connection: reads requests, one at a time and in order, hands each over as an exchange, and writes its
 * answer. While an exchange is under way the next request stays unread (pipelining is answered in order, RFC 9112
 * section 9.3.2); after a malformed one nothing is read any more. Every wait has a deadline. An exception in here ends
 * this connection and nothing else. Deliberately not here: routing, forwarding fields and everything above the message.
 */
import type { Socket } from "node:net";
import type { TurnTask } from "../../base/turn-queue.ts";
import type { BodySink } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { AcceptedSocket } from "../../net/node-internals.ts";
import { BodyWait } from "./body-wait.ts";
import { ClientOrigin } from "./client-origin.ts";
import { decideRefusal, ExchangeStart } from "./exchange-start.ts";
import { HeadReader, isOnlyEmptyLines } from "../syntax/head-reader.ts";
import { IdleWait } from "./idle-wait.ts";
import { Output } from "../../net/output.ts";
import { ReceivedBody, type ReceivedBodyHost } from "./received-body.ts";
import { type AnswerHost, ClientAnswer } from "./client-answer.ts";
import type { ClientContext } from "./client-context.ts";
import { ClientDeadlines, Wait } from "./client-deadlines.ts";
import { type HowToEnd, reset, ClientEnding } from "./client-ending.ts";
import { ClientState as State } from "./client-state.ts";
import { TurnShare } from "./turn-share.ts";
import { Unread } from "./unread.ts";

/**
 * While an exchange is under way, this much of the next request is read ahead, so that a client that goes away is
 * noticed.
 */
const maxReadAheadBytes = 16_384;

/** A client connection. */
export class ClientConnection implements AnswerHost, ReceivedBodyHost, TurnTask {
  readonly #context: ClientContext;
  readonly #socket: Socket;
  readonly #origin: ClientOrigin;
  readonly #output: Output;
  readonly #answer: ClientAnswer;
  readonly #deadlines: ClientDeadlines;
  readonly #idleWait: IdleWait;
  readonly #bodyWait: BodyWait;
  readonly #headReader = new HeadReader();
  readonly #start: ExchangeStart;
  readonly #body = new ReceivedBody(this);
  readonly #ending: ClientEnding;
  #state: number = State.head;
  readonly #unread = new Unread();
  readonly #share: TurnShare;
  #isAdvancing = false;
  #isPaused = false;

  constructor(socket: Socket, context: ClientContext) {
    this.#socket = socket;
    this.#context = context;
    this.#origin = new ClientOrigin(socket, context);
    this.#start = new ExchangeStart(context.wheel.clock, this.#origin);
    this.#output = new Output(socket, this.#onWritable);
    this.#deadlines = new ClientDeadlines(socket, context.wheel, this.#onReadDeadline, this.#onWriteDeadline);
    this.#share = new TurnShare(context.turns, this);
    this.#ending = new ClientEnding({
      socket,
      output: this.#output,
      deadlines: this.#deadlines,
      wheel: context.wheel,
      onOver: (how) => this.#destroy(how),
    });
    this.#answer = new ClientAnswer(this, {
      output: this.#output,
      context,
      deadlines: this.#deadlines,
      body: this.#body,
      unread: this.#unread,
    });
    this.#idleWait = new IdleWait(this.#deadlines, this.#output, context);
    this.#bodyWait = new BodyWait(this.#deadlines, this.#answer, context);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onGone);
    socket.on("close", this.#onGone);
    if (socket instanceof AcceptedSocket) socket.startReading(this.#onRead);
    else socket.on("data", this.#onData);
    this.#idleWait.begin();
  }

  /**
   * Lets the exchange under way finish, then closes. A request that crosses our FIN is lost.
   * @param idleGraceMs an idle connection that was in use less than this long ago waits that long for such a request; 0
   * = it closes at once
   */
  drain(idleGraceMs: number): void {
    this.#answer.isKeptAlive = false;
    this.#ending.hurry();
    if (this.#state !== State.head || this.#unread.hasRequestBytes) return;
    if (this.#output.isBlocked) this.#closeGracefully();
    else if (!this.#idleWait.shorten(idleGraceMs)) this.#destroy();
  }

  /** Closes now. A request whose answer has not begun is answered 503. */
  close(): void {
    this.#answer.refuse("SHUTTING_DOWN");
    this.#endAsGone("SHUTTING_DOWN");
  }

  // Reading.

  readonly #onRead = (byteCount: number, bytes: Buffer): void => {
    this.#unread.borrow(bytes.subarray(0, byteCount));
    this.#share.noteRead(byteCount, bytes.length);
    this.#advance();
    this.#unread.keep();
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#unread.append(chunk);
    this.#advance();
  };

  /** Consumes what has arrived, as far as the state allows. */
  #advance(): void {
    if (this.#isAdvancing || this.#share.isWaiting) return;
    this.#isAdvancing = true;
    try {
      this.#share.begin();
      let hasConsumed = true;
      while (hasConsumed && !this.#unread.isEmpty && !this.#hasHadItsShare()) hasConsumed = this.#consume();
      if (this.#share.hasReadEnough) this.#share.wait();
      if (this.#ending.isHalfClosed && this.#isInputShort()) this.#endOfInput();
    } catch (error) {
      this.crash(error);
    }
    this.#isAdvancing = false;
    this.#setPaused(!this.#wantsMore());
  }

  /** The next request is left to a later turn. */
  #hasHadItsShare(): boolean {
    if (this.#state !== State.head || !this.#share.hasEnoughRequests) return false;
    // The client waits for us, not we for it: no deadline runs until the turn comes.
    this.#deadlines.stopWaiting();
    this.#share.wait();
    return true;
  }

  runInTurn(): void {
    this.#share.take();
    if (this.#state === State.closed) return;
    // A deadline that draining has set meanwhile stays.
    if (this.#state === State.head && this.#deadlines.wait === Wait.none) this.#idleWait.begin();
    this.#advance();
  }

  /** Whether to read on. Unread bytes wait for something on our side, unless they are part of a head. */
  #wantsMore(): boolean {
    const unread = this.#unread;
    if (this.#share.isWaiting) return false;
    if (unread.isEmpty) return !this.#body.isBlocked;
    if (this.#state === State.head && !this.#output.isBlocked) return true;
    const isAhead =
      this.#state === State.head ||
      this.#state === State.answer ||
      (this.#state === State.body && this.#body.isUntaken);
    return isAhead && unread.length < maxReadAheadBytes;
  }

  #consume(): boolean {
    switch (this.#state) {
      // While the last answer is unsent, no further request is read: a client that only sends must not fill our memory.
      case State.head:
        return !this.#output.isBlocked && this.#readHead();
      case State.body:
        return this.#readBody();
      case State.tunnel:
        return this.#readTunnel();
      case State.answer:
        return false;
      default:
        if (!this.#ending.drop(this.#unread.length)) this.#destroy();
        this.#unread.clear();
        return false;
    }
  }

  #readHead(): boolean {
    const bytes = this.#unread.look()!;
    const context = this.#context;
    this.#start.noteHead();
    const reader = this.#headReader;
    const size = reader.read(bytes, context.limits, this.#origin.isPeerTrusted);
    if (reader.failure !== null) {
      this.#refuse(reader.head ?? new RequestHead(), reader.failure);
      return false;
    }
    if (size === -1) {
      if (isOnlyEmptyLines(bytes)) {
        // Some clients send an empty line behind a body: the connection is still idle.
        this.#start.forgetHead();
        return false;
      }
      // The deadline runs from the first byte and is not moved by later ones (slowloris).
      if (this.#deadlines.wait !== Wait.head) this.#deadlines.await(Wait.head, context.timeouts.head);
      return false;
    }
    this.#unread.drop(size);
    const head = reader.head!;
    reader.head = null;
    this.#begin(head);
    return true;
  }

  #begin(head: RequestHead): void {
    const { limits, isDraining } = this.#context;
    const exchange = this.#makeExchange(head);
    this.#deadlines.stopWaiting();
    if (isDraining || (limits.requestsPerConnection > 0 && this.#start.count >= limits.requestsPerConnection))
      this.#answer.isKeptAlive = false;
    this.#state = this.#body.begin(exchange, limits.bodyBytes) ? State.body : State.answer;
    exchange.refusal = decideRefusal(head, limits.bodyBytes);
    try {
      this.#context.onExchange(exchange);
    } catch (error) {
      exchange.crash(error);
    }
  }

  #makeExchange(head: RequestHead): Exchange {
    const exchange = this.#start.make(head, this.#answer, this.#headReader.wasSplit);
    this.#share.noteRequest();
    this.#answer.begin(exchange);
    this.#context.onExchangeStart();
    return exchange;
  }

  /** A head that cannot be understood: answered, logged, and nothing more is read. */
  #refuse(head: RequestHead, reason: ReasonCode): void {
    this.#unread.clear();
    this.#makeExchange(head);
    this.#state = State.answer;
    this.#answer.isKeptAlive = false;
    this.#answer.fail(reason);
  }

  #readBody(): boolean {
    const body = this.#body;
    if (!body.canRead) return false;
    const unread = this.#unread;
    this.#answer.isContinueAwaited = false;
    const size = body.read(unread.look()!, unread.isBorrowed);
    if (this.#state !== State.body) unread.clear();
    else if (body.failure !== null) {
      unread.clear();
      this.#failBody(body.failure);
    } else if (body.isOverdrawn) this.#closeGracefully();
    else {
      unread.drop(size);
      if (body.isOpen) this.#flushBody();
      else this.#endBody();
    }
    return !unread.isEmpty;
  }

  #readTunnel(): boolean {
    if (!this.#body.canRead) return false;
    this.#body.pass(this.#unread.look()!, this.#unread.isBorrowed);
    this.#unread.clear();
    this.#flushBody();
    return false;
  }

  #flushBody(): void {
    // The sink is slow: the client cannot send more, so no deadline runs until the sink resumes.
    if (!this.#body.flush()) this.#deadlines.stopWaiting();
    else if (this.#answer.isEnded) this.#ending.goOnAwaitingRest();
    else if (this.#state === State.body) this.#bodyWait.again();
  }

  #endBody(): void {
    this.#deadlines.stopWaiting();
    this.#state = State.answer;
    if (this.#answer.isEnded) this.#finish();
    else this.#body.end();
  }

  /** The body is broken: the attempt is cancelled, so that the endpoint does not take it for complete. */
  #failBody(reason: ReasonCode): void {
    if (this.#answer.isEnded) {
      this.#closeGracefully();
      return;
    }
    this.#body.abort(reason);
    this.#answer.fail(reason);
  }

  // `AnswerHost` and `ReceivedBodyHost`.

  get isBodyOpen(): boolean {
    return this.#state === State.body;
  }

  get isTunnel(): boolean {
    return this.#state === State.tunnel;
  }

  openBody(sink: BodySink): void {
    this.#body.attach(sink);
    if (this.#state === State.body && this.#unread.isEmpty) this.#bodyWait.first();
    if (this.#ending.isHalfClosed && this.#unread.isEmpty) this.#endOfInput();
    // What came with the head goes upstream with the head, in one write.
    else if (this.#isAdvancing) while (this.#state === State.body && !this.#unread.isEmpty && this.#readBody());
    else this.#advance();
  }

  resumeBody(): void {
    if (!this.#body.isBlocked) return;
    this.#body.isBlocked = false;
    if (this.#state === State.body) this.#bodyWait.again();
    this.#advance();
  }

  stopBody(): void {
    this.#body.stop();
    if (this.#state === State.body && !this.#answer.isEnded) this.#deadlines.stopWaiting();
  }

  beginTunnel(): void {
    this.#state = State.tunnel;
    this.#socket.setKeepAlive(true, 15_000);
  }

  endTunnelWriting(): void {
    this.#ending.endWriting();
    if (this.#ending.isHalfClosed) this.#endTunnel();
  }

  onAnswerEnd(): void {
    this.#idleWait.noteUse();
    if (this.#state === State.answer) this.#finish();
    else if (this.#state === State.body) this.#finishUpload();
  }

  breakOff(isDelimited: boolean): void {
    this.#closeGracefully(isDelimited ? "close" : "reset");
  }

  // Endings.

  /** Request and answer are complete: on to the next request, or close. */
  #finish(): void {
    this.#answer.exchange = null;
    this.#body.release();
    if (!this.#answer.isKeptAlive || (this.#ending.isHalfClosed && this.#unread.isEmpty)) {
      this.#closeGracefully();
      return;
    }
    this.#state = State.head;
    this.#idleWait.begin();
    this.#advance();
  }

  /**
   * The answer was complete before the request: the rest is read and dropped, within limits, so that the connection may
   * serve again.
   */
  #finishUpload(): void {
    if (!this.#answer.isKeptAlive || !this.#body.isDroppable) return this.#closeGracefully();
    this.#body.drop();
    this.#ending.awaitRest();
    this.#advance();
  }

  /** No exchange is under way: closes at once, or when the last answer has been taken. */
  #endIdle(): void {
    if (this.#output.isBlocked && this.#state !== State.closing) this.#closeGracefully();
    else this.#destroy();
  }

  #closeGracefully(how: HowToEnd = "close"): void {
    if (this.#state === State.closed) return;
    this.#answer.exchange = null;
    this.#body.release();
    this.#unread.clear();
    this.#state = State.closing;
    if (how === "reset") this.#ending.breakOff(this.#context.timeouts.write);
    else this.#ending.linger(this.#context.timeouts.write);
    this.#setPaused(false);
  }

  /**
   * The client is gone, or is treated as gone: the exchange under way ends with `code`, and the connection is closed.
   */
  #endAsGone(code: ReasonCode): void {
    if (this.#state === State.closed) return;
    const { howToEnd } = this.#answer;
    try {
      this.#answer.abandon(code);
      this.#body.abort(code);
    } catch (error) {
      this.#context.onInternalError(error);
    }
    this.#destroy(howToEnd);
  }

  #destroy(how: HowToEnd = "close"): void {
    if (this.#state === State.closed) return;
    this.#state = State.closed;
    this.#answer.exchange = null;
    this.#unread.clear();
    this.#deadlines.remove();
    this.#origin.close();
    this.#ending.remove();
    if (how === "reset" || this.#ending.isBreakingOff) reset(this.#socket);
    else this.#socket.destroy();
    this.#context.onClosed(this);
  }

  /** Both directions of the tunnel are done. */
  #endTunnel(): void {
    this.#answer.isEnded = true;
    this.#answer.endExchange();
    this.#answer.cancel("CLIENT_GONE");
    this.#closeGracefully();
  }

  crash(error: unknown): void {
    this.#context.onInternalError(error);
    this.#answer.isKeptAlive = false;
    this.#answer.fail("INTERNAL_ERROR");
    if (this.#state !== State.closing) this.#endAsGone("INTERNAL_ERROR");
  }

  // Socket events and deadlines.

  readonly #onEnd = (): void => {
    this.#ending.isHalfClosed = true;
    // Whole requests may be among what is left to the next turn, which sees to the end behind them.
    if (this.#state === State.head && this.#share.isWaiting) return;
    try {
      this.#endOfInput();
    } catch (error) {
      this.crash(error);
    }
  };

  /**
   * After FIN, when all that can be consumed has been: what is there will never be enough, or the answer that is
   * awaited is not watched yet.
   */
  #isInputShort(): boolean {
    if (this.#share.isWaiting) return false;
    if (this.#state === State.head) return !this.#output.isBlocked;
    if (this.#state === State.answer) return this.#deadlines.wait !== Wait.halfClosed;
    return (this.#state === State.body || this.#state === State.tunnel) && this.#unread.isEmpty;
  }

  /**
   * The client has sent its FIN. Complete requests are answered as long as it takes the answers: docs/decisions/0005.
   */
  #endOfInput(): void {
    switch (this.#state) {
      case State.head:
        if (!this.#unread.hasRequestBytes) this.#endIdle();
        else if (!this.#output.isBlocked) this.#refuse(new RequestHead(), "TRUNCATED_REQUEST");
        return;
      case State.body:
        if (this.#unread.isEmpty || this.#answer.isEnded) this.#failBody("TRUNCATED_REQUEST");
        else if (this.#answer.isQueued) this.#endAsGone("CLIENT_GONE");
        return;
      case State.answer:
        if (this.#answer.isQueued) this.#endAsGone("CLIENT_GONE");
        else this.#ending.watchTaking(this.#answer.exchange?.isHeadSent === true ? "begun" : "awaited");
        return;
      case State.tunnel:
        if (!this.#unread.isEmpty) return;
        this.#body.end();
        if (this.#ending.hasEndedWriting) this.#endTunnel();
        return;
      case State.closing:
        this.#ending.onClientEnd();
    }
  }

  readonly #onGone = (): void => this.#endAsGone("CLIENT_GONE");

  readonly #onWritable = (): void => {
    this.#deadlines.stopWriting();
    try {
      if (this.#state === State.closing) this.#ending.onWritten();
      else if (this.#state === State.head) {
        this.#idleWait.begin();
        this.#advance();
      } else this.#answer.resume();
    } catch (error) {
      this.crash(error);
    }
  };

  readonly #onWriteDeadline = (): void => this.#endAsGone("CLIENT_WRITE_TIMEOUT");

  readonly #onReadDeadline = (wait: Wait): void => {
    switch (wait) {
      case Wait.head:
        return this.#refuse(new RequestHead(), "HEAD_TIMEOUT");
      case Wait.body:
        return this.#bodyWait.endsInVain() ? this.#failBody("BODY_TIMEOUT") : undefined;
      case Wait.halfClosed:
        return this.#ending.hasTaken ? this.#endOfInput() : this.#endAsGone("CLIENT_GONE");
      default:
        return this.#endIdle();
    }
  };

  #setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused || this.#state === State.closed) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }
}
