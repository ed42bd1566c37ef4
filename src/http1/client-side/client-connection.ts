/**
 * One client connection: reads requests, one at a time and in order, hands each over as an exchange, and writes its
 * answer. While an exchange is under way the next request stays unread (pipelining is answered in order, RFC 9112
 * section 9.3.2); after a malformed one nothing is read any more. Every wait has a deadline. An exception in here ends
 * this connection and nothing else. Deliberately not here: routing, forwarding fields and everything above the message.
 */
import type { BodySink } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { Session } from "../../net/protocol.ts";
import type { Wire, WireReader } from "../../net/wire.ts";
import { BodyWait } from "./body-wait.ts";
import { type AnswerHost, ClientAnswer } from "./client-answer.ts";
import type { ClientContext } from "./client-context.ts";
import { ClientDeadlines, Wait } from "./client-deadlines.ts";
import { ClientEnding, type HowToEnd } from "./client-ending.ts";
import { ClientInput, type InputHost } from "./client-input.ts";
import { ClientOrigin } from "./client-origin.ts";
import { ClientState as State } from "./client-state.ts";
import { decideRefusal, ExchangeStart } from "./exchange-start.ts";
import { IdleWait } from "./idle-wait.ts";
import { ReceivedBody, type ReceivedBodyHost } from "./received-body.ts";

/** A client connection. */
export class ClientConnection implements Session, WireReader, AnswerHost, ReceivedBodyHost, InputHost {
  /** One of `ClientState`. Changed in this file alone. */
  state: number = State.head;
  readonly #context: ClientContext;
  readonly #wire: Wire;
  readonly #origin: ClientOrigin;
  readonly #input: ClientInput;
  readonly #answer: ClientAnswer;
  readonly #deadlines: ClientDeadlines;
  readonly #idleWait: IdleWait;
  readonly #bodyWait: BodyWait;
  readonly #start: ExchangeStart;
  readonly #body = new ReceivedBody(this);
  readonly #ending: ClientEnding;

  constructor(wire: Wire, context: ClientContext) {
    const { output } = wire;
    this.#wire = wire;
    this.#context = context;
    this.#origin = new ClientOrigin(wire, context);
    this.#start = new ExchangeStart(context.wheel.clock, this.#origin);
    this.#deadlines = new ClientDeadlines(
      wire.kernelSocket,
      context.wheel,
      this.#onReadDeadline,
      this.#onWriteDeadline,
    );
    this.#input = new ClientInput(this, {
      wire,
      context,
      origin: this.#origin,
      start: this.#start,
      deadlines: this.#deadlines,
      body: this.#body,
    });
    this.#ending = new ClientEnding({
      wire,
      deadlines: this.#deadlines,
      wheel: context.wheel,
      onOver: (how) => this.#destroy(how),
    });
    this.#answer = new ClientAnswer(this, {
      output,
      context,
      deadlines: this.#deadlines,
      body: this.#body,
      unread: this.#input.unread,
    });
    this.#idleWait = new IdleWait(this.#deadlines, output, context);
    this.#bodyWait = new BodyWait(this.#deadlines, this.#answer, context);
    this.#idleWait.begin();
    wire.handTo(this);
  }

  /**
   * Lets the exchange under way finish, then closes. A request that crosses our FIN is lost.
   * @param idleGraceMs an idle connection that was in use less than this long ago waits that long for such a request; 0
   * = it closes at once
   */
  drain(idleGraceMs: number): void {
    this.#answer.isKeptAlive = false;
    this.#ending.hurry();
    if (this.state !== State.head || this.#input.unread.hasRequestBytes) return;
    if (this.#wire.output.isBlocked) this.#closeGracefully();
    else if (!this.#idleWait.shorten(idleGraceMs)) this.#destroy();
  }

  /** Closes now. A request whose answer has not begun is answered 503. */
  close(): void {
    this.#answer.refuse("SHUTTING_DOWN");
    this.#endAsGone("SHUTTING_DOWN");
  }

  // `InputHost`.

  onHead(head: RequestHead): void {
    const { limits, isDraining } = this.#context;
    const exchange = this.#makeExchange(head);
    this.#deadlines.stopWaiting();
    if (isDraining || (limits.requestsPerConnection > 0 && this.#start.count >= limits.requestsPerConnection))
      this.#answer.isKeptAlive = false;
    this.state = this.#body.begin(exchange, limits.bodyBytes) ? State.body : State.answer;
    exchange.refusal = decideRefusal(head, limits.bodyBytes);
    try {
      this.#context.onExchange(exchange);
    } catch (error) {
      exchange.crash(error);
    }
  }

  #makeExchange(head: RequestHead): Exchange {
    const exchange = this.#start.make(head, this.#answer, this.#input.wasHeadSplit);
    this.#input.noteRequest();
    this.#answer.begin(exchange);
    this.#context.onExchangeStart();
    return exchange;
  }

  /** A head that cannot be understood: answered, logged, and nothing more is read. */
  onBadHead(head: RequestHead, reason: ReasonCode): void {
    this.#input.unread.clear();
    this.#makeExchange(head);
    this.state = State.answer;
    this.#answer.isKeptAlive = false;
    this.#answer.fail(reason);
  }

  onBodyBytes(): void {
    this.#answer.isContinueAwaited = false;
  }

  onBodyRead(): void {
    // The sink is slow: the client cannot send more, so no deadline runs until the sink resumes.
    if (!this.#body.flush()) this.#deadlines.stopWaiting();
    else if (this.#answer.isEnded) this.#ending.goOnAwaitingRest();
    else if (this.state === State.body) this.#bodyWait.again();
  }

  onBodyComplete(): void {
    this.#deadlines.stopWaiting();
    this.state = State.answer;
    if (this.#answer.isEnded) this.#finish();
    else this.#body.end();
  }

  /** The body is broken: the attempt is cancelled, so that the endpoint does not take it for complete. */
  onBodyBroken(reason: ReasonCode): void {
    if (this.#answer.isEnded) {
      this.#closeGracefully();
      return;
    }
    this.#body.abort(reason);
    this.#answer.fail(reason);
  }

  onBodyOverdrawn(): void {
    this.#closeGracefully();
  }

  onDropped(byteCount: number): void {
    if (!this.#ending.drop(byteCount)) this.#destroy();
  }

  onConsumed(): void {
    if (this.#ending.isHalfClosed && this.#input.isShort) this.#endOfInput();
  }

  /** The client waits for us, not we for it: no deadline runs until the turn comes. */
  onPutOff(): void {
    this.#deadlines.stopWaiting();
  }

  /** A deadline that draining has set meanwhile stays. */
  onTurn(): void {
    if (this.state === State.head && this.#deadlines.wait === Wait.none) this.#idleWait.begin();
  }

  // `AnswerHost` and `ReceivedBodyHost`.

  openBody(sink: BodySink): void {
    this.#body.attach(sink);
    if (this.state === State.body && this.#input.unread.isEmpty) this.#bodyWait.first();
    if (this.#ending.isHalfClosed && this.#input.unread.isEmpty) this.#endOfInput();
    else this.#input.advanceBody();
  }

  resumeBody(): void {
    if (!this.#body.isBlocked) return;
    this.#body.isBlocked = false;
    if (this.state === State.body) this.#bodyWait.again();
    this.#input.advance();
  }

  stopBody(): void {
    this.#body.stop();
    if (this.state === State.body && !this.#answer.isEnded) this.#deadlines.stopWaiting();
  }

  beginTunnel(): void {
    this.state = State.tunnel;
    this.#wire.probeSilentPeer();
  }

  endTunnelWriting(): void {
    this.#ending.endWriting();
    if (this.#ending.isHalfClosed) this.#endTunnel();
  }

  onAnswerEnd(): void {
    this.#idleWait.noteUse();
    if (this.state === State.answer) this.#finish();
    else if (this.state === State.body) this.#finishUpload();
  }

  breakOff(isDelimited: boolean): void {
    this.#closeGracefully(isDelimited ? "close" : "reset");
  }

  // Endings.

  /** Request and answer are complete: on to the next request, or close. */
  #finish(): void {
    const { exchange } = this.#answer;
    if (exchange !== null && this.#input.unread.isEmpty) this.#ending.noteLastRequest(exchange.request);
    this.#answer.exchange = null;
    this.#body.release();
    if (!this.#answer.isKeptAlive || (this.#ending.isHalfClosed && this.#input.unread.isEmpty)) {
      this.#closeGracefully();
      return;
    }
    this.state = State.head;
    this.#idleWait.begin();
    this.#input.advance();
  }

  /**
   * The answer was complete before the request: the rest is read and dropped, within limits, so that the connection may
   * serve again.
   */
  #finishUpload(): void {
    if (!this.#answer.isKeptAlive || !this.#body.isDroppable) return this.#closeGracefully();
    this.#body.drop();
    this.#ending.awaitRest();
    this.#input.advance();
  }

  /** No exchange is under way: closes at once, or when the last answer has been taken. */
  #endIdle(): void {
    if (this.#wire.output.isBlocked && this.state !== State.closing) this.#closeGracefully();
    else this.#destroy();
  }

  #closeGracefully(how: HowToEnd = "close"): void {
    if (this.state === State.closed) return;
    this.#answer.exchange = null;
    this.#body.release();
    this.#input.unread.clear();
    this.state = State.closing;
    if (how === "reset") this.#ending.breakOff(this.#context.timeouts.write);
    else this.#ending.linger(this.#context.timeouts.write);
    this.#input.setPaused(false);
  }

  /**
   * The client is gone, or is treated as gone: the exchange under way ends with `code`, and the connection is closed.
   */
  #endAsGone(code: ReasonCode): void {
    if (this.state === State.closed) return;
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
    if (this.state === State.closed) return;
    this.state = State.closed;
    this.#answer.exchange = null;
    this.#input.unread.clear();
    this.#deadlines.remove();
    this.#origin.close();
    this.#ending.remove();
    if (how === "reset" || this.#ending.isBreakingOff) this.#wire.reset();
    else this.#wire.destroy();
  }

  /** Both directions of the tunnel are done. */
  #endTunnel(): void {
    this.#answer.isEnded = true;
    this.#answer.endExchange();
    this.#answer.cancel("CLIENT_GONE");
    this.#closeGracefully();
  }

  /** A bug of ours: the client gets a 500 or a broken-off answer, and this connection alone is closed. */
  crash(error: unknown): void {
    this.#context.onInternalError(error);
    this.#answer.isKeptAlive = false;
    this.#answer.fail("INTERNAL_ERROR");
    if (this.state !== State.closing) this.#endAsGone("INTERNAL_ERROR");
  }

  // `WireReader`, and deadlines.

  /** All that one read brings about happens at one time. */
  onBytes(bytes: Buffer, byteCount: number): void {
    const { clock } = this.#context.wheel;
    const isHolder = clock.hold();
    try {
      this.#input.take(bytes, byteCount);
    } finally {
      if (isHolder) clock.release();
    }
  }

  onEnd(): void {
    this.#ending.isHalfClosed = true;
    // Whole requests may be left for a later turn: they are answered first, and that turn comes back to the FIN.
    if (this.state === State.head && this.#input.isWaiting) return;
    try {
      this.#endOfInput();
    } catch (error) {
      this.crash(error);
    }
  }

  /**
   * The client has sent its FIN, and all that can be consumed has been. Complete requests are answered as long as the
   * client takes the answers: docs/decisions/0005.
   */
  #endOfInput(): void {
    switch (this.state) {
      case State.head:
        if (!this.#input.unread.hasRequestBytes) this.#endIdle();
        else if (!this.#wire.output.isBlocked) this.onBadHead(new RequestHead(), "TRUNCATED_REQUEST");
        return;
      case State.body:
        if (this.#input.unread.isEmpty || this.#answer.isEnded) this.onBodyBroken("TRUNCATED_REQUEST");
        else if (this.#answer.isQueued) this.#endAsGone("CLIENT_GONE");
        return;
      case State.answer:
        if (this.#answer.isQueued) this.#endAsGone("CLIENT_GONE");
        else this.#ending.watchTaking(this.#answer.exchange?.isHeadSent === true ? "begun" : "awaited");
        return;
      case State.tunnel:
        if (!this.#input.unread.isEmpty) return;
        this.#body.end();
        if (this.#ending.hasEndedWriting) this.#endTunnel();
        return;
      case State.closing:
        this.#ending.onClientEnd();
    }
  }

  onFinish(): void {
    this.#ending.onFinish();
  }

  onGone(): void {
    this.#endAsGone("CLIENT_GONE");
  }

  onWritable(): void {
    this.#deadlines.stopWriting();
    try {
      if (this.state === State.closing) this.#ending.onWritten();
      else if (this.state === State.head) {
        this.#idleWait.begin();
        this.#input.advance();
      } else this.#answer.resume();
    } catch (error) {
      this.crash(error);
    }
  }

  readonly #onWriteDeadline = (): void => this.#endAsGone("CLIENT_WRITE_TIMEOUT");

  readonly #onReadDeadline = (wait: Wait): void => {
    switch (wait) {
      case Wait.head:
        return this.onBadHead(new RequestHead(), "HEAD_TIMEOUT");
      case Wait.body:
        return this.#bodyWait.endsInVain() ? this.onBodyBroken("BODY_TIMEOUT") : undefined;
      case Wait.halfClosed:
        return this.#ending.hasTaken ? this.#endOfInput() : this.#endAsGone("CLIENT_GONE");
      default:
        return this.#endIdle();
    }
  };
}
