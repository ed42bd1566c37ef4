/**
 * One request and its answer, as everything between the two connections sees it. The client's side makes an exchange
 * when a head is complete and hands it over. Whoever answers calls `start` or `fail`; the answer passes the filters and
 * leaves by the client's side. What the access log and the metrics read is apart, in `record`. Never reused.
 *
 * After the end, and after an answer has begun, calls that would give another answer are ignored: a middleware that
 * comes late does no harm to the next exchange of the connection.
 */
import type { AttemptClient } from "./attempt-client.ts";
import type { AnswerFilter, AnswerHead, Responder } from "./answer.ts";
import { AnswerPath } from "./answer-path.ts";
import { type FilteredExchange, turnAway } from "./answer-way.ts";
import { type BodySink, type BodySource, emptySource, noBody, type RequestBody } from "./body.ts";
import type { BoundConnections } from "./bound-connections.ts";
import { Fields } from "./fields.ts";
import type { ConnectionTls } from "./connection-tls.ts";
import { ExchangeRecord } from "./exchange-record.ts";
import type { ForwardingPrefix } from "./forwarding-fields.ts";
import type { ReceivedRequest } from "./message.ts";
import { OutgoingRequest } from "./outgoing-request.ts";
import { explain, sendOwnAnswer } from "./own-answer.ts";
import { type ReasonCode, reasons } from "./reason.ts";

/** The client's side of an exchange. One implementation a protocol; it knows no middleware, and only the exchange calls it. */
export interface ClientSide extends Responder {
  /** After an answer with a `tunnel`: the client's bytes go to `sink`. */
  openTunnel(sink: BodySink): BodySource;
  /**
   * Ends the exchange without an answer, or breaks off the answer that has begun, so that the client cannot take it for
   * complete.
   */
  abort(code: ReasonCode): void;
  /** Told of a bug of ours that has ended the exchange. */
  onInternalError(error: unknown): void;
}

/** Who answers an exchange, or holds it for now, as long as no answer has reached the client. */
export interface Answerer {
  /** Nobody wants the answer any more. */
  cancel(code: ReasonCode): void;
  /** `Responder.interim` has returned false: the client can take more. */
  resume?(): void;
  /**
   * It stands in a queue and nothing has been done for it yet: a client that ends its side is taken for gone at once.
   * Default: false.
   */
  readonly isQueued?: boolean;
}

/** Where an exchange comes from. */
export interface ExchangeOrigin extends AttemptClient {
  readonly listenerName: string;
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly peerPort: number;
  /** For the log, if a PROXY header has named the peer: which proxy sent it, and what else it told. */
  readonly proxied?: string;
  /** Absent or null = the client's connection is not encrypted. */
  readonly tls?: ConnectionTls | null;
  /** The client speaks plain HTTP where TLS is spoken: it is told so, and no more. */
  readonly isMisplaced?: boolean;
  /** The connections to endpoints that are its own; made with the first of them. Whoever closes it closes them. */
  bonds?: BoundConnections | null;
}

/**
 * How often an exchange answers in the place of an answer that has failed: through the filters, past them, and once more
 * if that was a bug. Then it is broken off.
 */
const maxOwnAnswers = 3;

/** One request and its answer. */
export class Exchange implements Responder, FilteredExchange {
  /** The request as it was received; what goes on is `outgoing`. */
  readonly request: ReceivedRequest;
  /** The client's connection. */
  readonly origin: ExchangeOrigin;
  /** The name of the listener it came in by. */
  readonly listenerName: string;
  /** `https` if the client's connection is encrypted. */
  readonly scheme: "http" | "https";
  /** The socket's peer. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Who asked: the peer, or what trusted proxies say of it. */
  clientIp: string;
  /** The peer is in the listener's `trustedProxies`. */
  isPeerTrusted: boolean;
  /** The `X-Request-ID` that goes upstream. */
  requestId = "";
  /** Set by whoever answers, or holds the exchange for now; null once the client's side has the answer's head. */
  answerer: Answerer | null = null;
  /** The request's body; a middleware that reads it first puts another in its place. */
  body: RequestBody = noBody;
  /** What its forwarding fields have in common with those of the same peer. */
  forwardingPrefix: ForwardingPrefix | null = null;
  /** The client's connection refuses it: it is answered so, by the route it belongs to if there is one. */
  refusal: ReasonCode | null = null;
  /** The protocol that is asked for upstream (RFC 9110 section 7.8); null = none, or the route lets none through. */
  upgrade: string | null;
  #outgoing: OutgoingRequest | null = null;
  /** Called once when it is over: what a middleware holds for it is let go. */
  onEnd: (() => void) | null = null;
  readonly #client: ClientSide;
  /** The filters that an answer passes; null if there are none, or they are left out. */
  #path: AnswerPath | null = null;
  #ownAnswers = 0;

  /** What happened, for the log and the metrics. */
  readonly record = new ExchangeRecord();
  /** An answer was started, and nothing has taken its place. */
  isAnswered = false;
  /** The client's side has the head of the answer. */
  isHeadSent = false;
  isEnded = false;

  constructor(request: ReceivedRequest, client: ClientSide, origin: ExchangeOrigin) {
    this.request = request;
    this.origin = origin;
    this.listenerName = origin.listenerName;
    this.scheme = origin.scheme;
    this.peerAddress = origin.peerAddress;
    this.peerPort = origin.peerPort;
    this.clientIp = origin.peerAddress;
    this.isPeerTrusted = false;
    this.upgrade = request.upgrade;
    this.#client = client;
  }

  /**
   * The request as it goes on: what was received, until a middleware puts another in its place. Made when it is first
   * asked for, which is not before the route has said whether it may switch protocols.
   */
  get outgoing(): OutgoingRequest {
    return (this.#outgoing ??= this.#toOutgoing(this.request.keptFields));
  }

  set outgoing(request: OutgoingRequest) {
    this.#outgoing = request;
  }

  /** `outgoing` if somebody has asked for it, and perhaps put another in its place; else null. */
  get changedRequest(): OutgoingRequest | null {
    return this.#outgoing;
  }

  /** `outgoing` as it is sent: with the body as it is now, and `lines` behind its fields; validated. */
  outgoingWith(lines: string): OutgoingRequest {
    const outgoing = this.#outgoing;
    // Nobody has asked for it: it is made once, with all that it gets.
    if (outgoing === null) return this.#toOutgoing(this.request.keptFields + lines);
    return outgoing.toBeSent(outgoing.fields.plusText(lines), this.body.length);
  }

  #toOutgoing(fields: string): OutgoingRequest {
    return OutgoingRequest.of(this.request, {
      scheme: this.scheme,
      tunnel: this.upgrade,
      fields: Fields.ofText(fields),
      body: this.body.length,
    });
  }

  /** Whatever answer is given from now on passes `filter` before those that were added earlier. */
  filterAnswer(filter: AnswerFilter): void {
    (this.#path ??= new AnswerPath(this, this.#client)).add(filter);
  }

  /** Whatever answer is given from now on passes `filter` after all others. */
  filterAnswerLast(filter: AnswerFilter): void {
    (this.#path ??= new AnswerPath(this, this.#client)).addLast(filter);
  }

  /** Sends an interim answer to the client, if its protocol has them. Never throws. */
  interim(head: AnswerHead): boolean {
    if (this.isHeadSent || this.isEnded) return true;
    if (this.#path !== null && head.status !== 100) return this.#path.interim(head);
    try {
      return this.#client.interim(head);
    } catch (error) {
      this.crashPastFilters(error);
      return true;
    }
  }

  /**
   * Starts the answer. Never throws, nor does the sink.
   * @param source gives its body, and is told if the client wants no more of it
   * @returns where the body goes
   */
  start(head: AnswerHead, source: BodySource): BodySink {
    if (this.isAnswered || this.isHeadSent || this.isEnded) return turnAway(source, this);
    // Callbacks may come before this returns: until then nothing else can be started.
    this.isAnswered = true;
    if (this.#path !== null) return this.#path.start(head, source);
    try {
      return this.#client.start(head, source);
    } catch (error) {
      this.crashPastFilters(error);
      return turnAway(source, this);
    }
  }

  /** After an answer with a `tunnel` was started: the client's bytes go to `sink`. */
  openTunnel(sink: BodySink): BodySource {
    return this.isEnded ? emptySource : this.#client.openTunnel(sink);
  }

  /**
   * Answers with the error's status and text, through the filters, or breaks off an answer that has begun. Whoever was
   * answering is cancelled. Never throws.
   * @param detail more about it, for the log
   * @param fields for this answer alone
   */
  fail(code: ReasonCode, detail = "", fields = Fields.none): void {
    if (this.isEnded) return;
    this.record.reason ??= code;
    if (this.record.detail === "") this.record.detail = detail;
    const before = this.#ownAnswers;
    try {
      this.cancel(code);
    } catch (error) {
      this.crashPastFilters(error);
      return;
    }
    // Whoever was cancelled may have failed the exchange as well.
    if (this.isEnded || this.#ownAnswers !== before) return;
    // Filters are given the answer to one failure. If nothing comes of that either, the next one goes past them.
    if (before > 0) this.#path = null;
    if (reasons[code].status === 499) this.#client.abort(code);
    else this.#answerInstead(code, fields);
  }

  /** Gives our own answer for `code`, if the client can still have one. */
  #answerInstead(code: ReasonCode, fields: Fields): void {
    if (this.isHeadSent || this.#ownAnswers === maxOwnAnswers) {
      this.#client.abort(code);
      return;
    }
    this.#ownAnswers++;
    this.isAnswered = false;
    sendOwnAnswer(this, explain(code, this, fields.text));
  }

  /** Ends the exchange because of a bug of ours: it is told, and answered as INTERNAL_ERROR or broken off. Never throws. */
  crash(error: unknown): void {
    this.#client.onInternalError(error);
    this.fail("INTERNAL_ERROR");
  }

  /**
   * As `crash`, for a bug in a filter or in whoever is cancelled: the answer passes no filter, for the same bug would
   * end it again.
   */
  crashPastFilters(error: unknown): void {
    this.#client.onInternalError(error);
    // The client's side forgets whoever answers as soon as it has the head of an answer.
    const { answerer } = this;
    this.answerer = null;
    const passing = this.#path?.close() ?? null;
    this.#path = null;
    if (!this.isEnded) {
      this.record.reason ??= "INTERNAL_ERROR";
      this.#answerInstead("INTERNAL_ERROR", Fields.none);
    }
    try {
      answerer?.cancel("INTERNAL_ERROR");
    } catch (second) {
      this.#client.onInternalError(second);
    }
    passing?.breakOff("INTERNAL_ERROR");
  }

  onInternalError(error: unknown): void {
    this.#client.onInternalError(error);
  }

  /**
   * Tells whoever answers, or holds the exchange, and the filters that have some of an answer which has not left them,
   * that it is of no use any more.
   */
  cancel(code: ReasonCode): void {
    const { answerer } = this;
    this.answerer = null;
    const passing = this.#path?.close() ?? null;
    try {
      answerer?.cancel(code);
    } finally {
      passing?.breakOff(code);
    }
  }
}
