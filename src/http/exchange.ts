/**
 * One request and its answer, as everything between the two connections sees it. The client's connection makes an
 * exchange when a head is complete and hands it over; whoever answers drives `responder`; when the exchange is over,
 * its fields are what the access log and the metrics read. Never reused.
 */
import type { AnswerFilter } from "./answer-filter.ts";
import { type BodySink, type BodySource, noBody, type RequestBody } from "./body.ts";
import type { BoundConnections } from "./bound-connections.ts";
import { Fields } from "./field-section.ts";
import type { ForwardingPrefix } from "./forwarding-fields.ts";
import type { ReceivedRequest } from "./message.ts";
import { OutgoingRequest } from "./outgoing-request.ts";
import type { ReasonCode } from "./reason.ts";

/** The answer's body as announced: a number of bytes, `unknown` length, or `none` (HEAD, 204, 304). */
export type AnswerLength = number | "unknown" | "none";

/** The client's side of an exchange. Calls after the end are ignored. */
export interface Responder {
  /**
   * Sends an interim answer (100, 103); never to HTTP/1.0. @returns false when nothing more should come until
   * `onWritable`
   */
  sendInterim(status: number, reasonPhrase: string, fields: string): boolean;
  /**
   * Starts the final answer. `fields` are complete lines without framing and hop-by-hop fields; the responder adds
   * those. `lengthField` is written as Content-Length where `length` is `none` (HEAD, 304), or null.
   */
  sendHead(
    status: number,
    reasonPhrase: string,
    fields: string,
    length: AnswerLength,
    lengthField: number | null,
  ): void;
  /** Sends body bytes. */
  sendData(chunk: Buffer): void;
  /**
   * Ends the answer. `trailers` are dropped where the client cannot take them.
   * @returns false where the chunks given since the last flush are still on their way: they must stay untouched for
   * good
   */
  sendEnd(trailers: string): boolean;
  /**
   * Writes out what is held back to share one write; whoever sends calls it when nothing more comes from this read.
   * @returns false when nothing more should come until `onWritable`; the chunks given since the last flush must stay
   * untouched until then.
   */
  flush(): boolean;
  /**
   * Answers 101 and turns the connection into a tunnel: from now on `sendData` and `sendEnd` carry bytes as they are.
   */
  sendSwitch(fields: string): void;
  /** After `sendSwitch`: the client's bytes go to `sink`. */
  openTunnel(sink: BodySink): BodySource;
  /**
   * Answers with the error's status and text, or breaks off an answer that has begun, so that the client cannot take it
   * for complete.
   */
  fail(code: ReasonCode, detail?: string, extraFields?: string): void;
}

/** What an exchange needs to tell whoever answers it. */
export interface ExchangeListener {
  /** The client can take more of the answer. */
  onWritable(): void;
  /** The client is gone or gave up; the answer is of no use any more. */
  onCancel(code: ReasonCode): void;
  /**
   * It stands in a queue and nothing has been done for it yet: a client that ends its side is taken for gone at once.
   * Default: false.
   */
  readonly isQueued?: boolean;
}

/** Where an exchange comes from. */
export interface ExchangeOrigin {
  readonly listenerName: string;
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly peerPort: number;
  /** The connections to endpoints that are its own; made with the first of them. Whoever closes it closes them. */
  bonds?: BoundConnections | null;
}

/** One request and its answer. Times are monotonic milliseconds; -1 = never happened. */
export class Exchange {
  /** The request as it was received; what goes on is `outgoing`. */
  readonly request: ReceivedRequest;
  /** The client's connection. */
  readonly origin: ExchangeOrigin;
  /** The client's side; a middleware may put itself before it. */
  responder: Responder;
  /** The name of the listener it came in by. */
  readonly listenerName: string;
  /** `https` where the client's connection is encrypted. */
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
  /** Set by whoever answers, or holds the exchange for now. */
  listener: ExchangeListener | null = null;
  /** The request's body; a middleware that reads it first puts another in its place. */
  body: RequestBody = noBody;
  /** What its forwarding fields have in common with those of the same peer. */
  forwardingPrefix: ForwardingPrefix | null = null;
  /** What its answers pass, in the order in which the request has passed it; null = nothing. See `answer-filter.ts`. */
  answerFilters: AnswerFilter[] | null = null;
  /** Field lines that the answer gets behind all filters: a client that loses them loses its place. */
  lastAnswerFields = "";
  /** The answer under way is an endpoint's, not our own. */
  isRelayed = false;
  /** The client's connection refuses it: it is answered so, by the route it belongs to where there is one. */
  refusal: ReasonCode | null = null;
  /** The protocol that is asked for upstream (RFC 9110 section 7.8); null = none, or the route lets none through. */
  upgrade: string | null;
  #outgoing: OutgoingRequest | null = null;
  /** Called once when it is over: what a middleware holds for it is let go. */
  onEnd: (() => void) | null = null;

  // What happened, for the log and the metrics.
  routeName = "";
  upstreamName = "";
  /** The endpoint that answered, or the last one tried. */
  endpointName = "";
  /** What the client was sent; 499 where it went away before a head was sent; 0 while undecided. */
  status = 0;
  /** Why it ended otherwise than by a complete answer of an endpoint or route; null where all was well. */
  reason: ReasonCode | null = null;
  /** More about `reason`, for the log. */
  detail = "";
  attempts = 0;
  isUpstreamConnectionReused = false;
  isHeadSent = false;
  isEnded = false;
  requestBodyBytes = 0;
  responseBodyBytes = 0;
  /** When the first byte of the head arrived. */
  startedMs = -1;
  startedWallMs = 0;
  headCompleteMs = -1;
  /** The last attempt: when an endpoint was picked, connected, and answered with its first byte. */
  attemptStartedMs = -1;
  connectedMs = -1;
  firstByteMs = -1;
  endedMs = -1;

  constructor(request: ReceivedRequest, responder: Responder, origin: ExchangeOrigin) {
    this.request = request;
    this.responder = responder;
    this.origin = origin;
    this.listenerName = origin.listenerName;
    this.scheme = origin.scheme;
    this.peerAddress = origin.peerAddress;
    this.peerPort = origin.peerPort;
    this.clientIp = origin.peerAddress;
    this.isPeerTrusted = false;
    this.upgrade = request.upgrade;
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

  /** `outgoing` where somebody has asked for it, and perhaps put another in its place; else null. */
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
    if (this.answerFilters === null) this.answerFilters = [filter];
    else this.answerFilters.push(filter);
  }
}
