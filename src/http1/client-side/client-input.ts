/**
 * The reading half of a client connection: consumes what has arrived, as far as the state of the connection allows, and
 * tells it what it has read: heads, the end of a body, what is wrong with either. Whether to read on is decided here;
 * what happens next is not.
 */
import type { TurnTask } from "../../base/turn-queue.ts";
import { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { WireMemory } from "../../net/kernel-socket.ts";
import type { Wire } from "../../net/wire.ts";
import { HeadReader } from "../syntax/head-reader.ts";
import type { ClientContext } from "./client-context.ts";
import { type ClientDeadlines, Wait } from "./client-deadlines.ts";
import type { ClientOrigin } from "./client-origin.ts";
import { ClientState as State } from "./client-state.ts";
import type { ExchangeStart } from "./exchange-start.ts";
import type { ReceivedBody } from "./received-body.ts";
import { TurnShare } from "./turn-share.ts";
import { Unread } from "./unread.ts";

/**
 * While an exchange is under way, this much of the next request is read ahead, so that a client that goes away is
 * noticed.
 */
const maxReadAheadBytes = 16_384;

/** The connection as its reading half sees it. */
export interface InputHost {
  /** One of `ClientState`; changed by the connection alone. */
  readonly state: number;
  onHead(head: RequestHead): void;
  /** It cannot be understood. @param head what is known of it */
  onBadHead(head: RequestHead, reason: ReasonCode): void;
  /** Some of a body is there, and is going to be read. */
  onBodyBytes(): void;
  /** Some of a body, or of what goes through a tunnel, is read; more is to come. */
  onBodyRead(): void;
  onBodyComplete(): void;
  onBodyBroken(reason: ReasonCode): void;
  /** More of an unwanted body has come than it is worth to keep the connection. */
  onBodyOverdrawn(): void;
  /** Bytes that nobody wants: they are thrown away. */
  onDropped(byteCount: number): void;
  /** All that can be consumed for now has been: the client's FIN may have been waiting for that. */
  onConsumed(): void;
  /** The connection waits for its turn. */
  onPutOff(): void;
  /** The turn of the connection has come; called before it reads on. */
  onTurn(): void;
  /** A bug of ours. */
  crash(error: unknown): void;
}

/** What it is made of: its connection's. */
export interface ClientInputParts {
  readonly wire: Wire;
  readonly context: ClientContext;
  readonly origin: ClientOrigin;
  readonly start: ExchangeStart;
  readonly deadlines: ClientDeadlines;
  readonly body: ReceivedBody;
}

/** Reads what a client sends, one message at a time. One a connection. */
export class ClientInput implements TurnTask {
  readonly unread = new Unread();
  readonly #host: InputHost;
  readonly #wire: Wire;
  readonly #context: ClientContext;
  readonly #start: ExchangeStart;
  readonly #deadlines: ClientDeadlines;
  readonly #body: ReceivedBody;
  readonly #headReader: HeadReader;
  readonly #share: TurnShare;
  #isAdvancing = false;
  #isPaused = false;

  constructor(host: InputHost, parts: ClientInputParts) {
    this.#host = host;
    this.#wire = parts.wire;
    this.#context = parts.context;
    this.#headReader = new HeadReader(parts.origin.isPeerTrusted);
    this.#start = parts.start;
    this.#deadlines = parts.deadlines;
    this.#body = parts.body;
    this.#share = new TurnShare(parts.context.turns, this);
  }

  /** It waits for its turn: what is unread may hold whole requests. */
  get isWaiting(): boolean {
    return this.#share.isWaiting;
  }

  /**
   * After the client's FIN, when all that can be consumed has been: what is there will never be enough, or nothing
   * tells yet that the client still takes the answer that is awaited.
   */
  get isShort(): boolean {
    const { state } = this.#host;
    if (this.isWaiting) return false;
    if (state === State.head) return !this.#wire.output.isBlocked;
    if (state === State.answer) return this.#deadlines.wait !== Wait.halfClosed;
    return (state === State.body || state === State.tunnel) && this.unread.isEmpty;
  }

  /** The last head did not come in one piece. */
  get wasHeadSplit(): boolean {
    return this.#headReader.wasSplit;
  }

  /** Takes `bytes[0, byteCount)`, which have arrived: see `WireReader.onBytes`. */
  take(bytes: Buffer, byteCount: number): void {
    if (this.#wire.memory === WireMemory.given) {
      this.unread.append(byteCount === bytes.length ? bytes : bytes.subarray(0, byteCount));
      this.advance();
      return;
    }
    this.unread.borrow(bytes, byteCount);
    this.#share.noteRead(byteCount, bytes.length);
    this.advance();
    this.unread.keep();
  }

  /** Consumes what has arrived, as far as the state allows. A call from inside does nothing: the outer one goes on. */
  advance(): void {
    if (this.#isAdvancing || this.#share.isWaiting) return;
    this.#isAdvancing = true;
    try {
      this.#share.begin();
      let hasConsumed = true;
      while (hasConsumed && !this.unread.isEmpty && !this.#hasHadItsShare()) hasConsumed = this.#consume();
      if (this.#share.hasReadEnough) this.#share.wait();
      this.#host.onConsumed();
    } catch (error) {
      this.#host.crash(error);
    }
    this.#isAdvancing = false;
    this.setPaused(!this.#wantsMore());
  }

  /** Gives what is there already to the sink that the body has just got. */
  advanceBody(): void {
    if (!this.#isAdvancing) this.advance();
    // What came with the head goes upstream with the head, in one write.
    else while (this.#host.state === State.body && !this.unread.isEmpty && this.#readBody());
  }

  noteRequest(): void {
    this.#share.noteRequest();
  }

  setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused || this.#host.state === State.closed) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#wire.pause();
    else this.#wire.resume();
  }

  /** The next request is left to a later turn. */
  #hasHadItsShare(): boolean {
    if (this.#host.state !== State.head || !this.#share.hasEnoughRequests) return false;
    this.#host.onPutOff();
    this.#share.wait();
    return true;
  }

  runInTurn(): void {
    this.#share.take();
    if (this.#host.state === State.closed) return;
    this.#host.onTurn();
    this.advance();
  }

  /** Whether to read on. Unread bytes wait for something on our side, unless they are part of a head. */
  #wantsMore(): boolean {
    const { unread } = this;
    const { state } = this.#host;
    if (this.#share.isWaiting) return false;
    if (unread.isEmpty) return !this.#body.isBlocked;
    if (state === State.head && !this.#wire.output.isBlocked) return true;
    const isAhead = state === State.head || state === State.answer || (state === State.body && this.#body.isUntaken);
    return isAhead && unread.length < maxReadAheadBytes;
  }

  /** @returns whether there may be more to consume */
  #consume(): boolean {
    switch (this.#host.state) {
      // While the last answer is unsent, no further request is read: a client that only sends must not fill our memory.
      case State.head:
        return !this.#wire.output.isBlocked && this.#readHead();
      case State.body:
        return this.#readBody();
      case State.tunnel:
        return this.#readTunnel();
      case State.answer:
        return false;
      default:
        this.#host.onDropped(this.unread.length);
        this.unread.clear();
        return false;
    }
  }

  #readHead(): boolean {
    const { unread } = this;
    const context = this.#context;
    this.#start.noteHead();
    const reader = this.#headReader;
    const size = reader.read(unread.bytes!, unread.start, unread.end, context.limits);
    if (reader.failure !== null) {
      unread.clear();
      this.#host.onBadHead(reader.head ?? new RequestHead(), reader.failure);
      return false;
    }
    if (size === -1) {
      if (!unread.hasRequestBytes) {
        // Some clients send an empty line behind a body: the connection is still idle.
        this.#start.forgetHead();
        return false;
      }
      // The deadline runs from the first byte and is not moved by later ones (slowloris).
      if (this.#deadlines.wait !== Wait.head) this.#deadlines.await(Wait.head, context.timeouts.head);
      return false;
    }
    unread.drop(size);
    const head = reader.head!;
    reader.head = null;
    this.#host.onHead(head);
    return true;
  }

  #readBody(): boolean {
    const body = this.#body;
    if (!body.canRead) return false;
    const { unread } = this;
    this.#host.onBodyBytes();
    const size = body.read(unread);
    if (this.#host.state !== State.body) unread.clear();
    else if (body.failure !== null) {
      unread.clear();
      this.#host.onBodyBroken(body.failure);
    } else if (body.isOverdrawn) this.#host.onBodyOverdrawn();
    else {
      unread.drop(size);
      if (body.isOpen) this.#host.onBodyRead();
      else this.#host.onBodyComplete();
    }
    return !unread.isEmpty;
  }

  #readTunnel(): boolean {
    if (!this.#body.canRead) return false;
    this.#body.pass(this.unread.look()!, this.unread.isBorrowed);
    this.unread.clear();
    this.#host.onBodyRead();
    return false;
  }
}
