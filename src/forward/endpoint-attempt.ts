/**
 * One try of an exchange at one endpoint: what its transport tells, passed on to whoever began it, and what is counted
 * of it. The connection that calls may carry the attempts of others: an exception in what follows ends the exchange of
 * this one and reaches nobody else.
 */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import type { Attempt, AttemptHandle, AttemptTimeouts, ConnectionWish, EndpointAnswer } from "../http/attempt.ts";
import { type BodySink, type BodySource, nowhere } from "../http/body.ts";
import type { BoundConnection } from "../http/bound-connections.ts";
import type { ExchangeOrigin } from "../http/exchange.ts";
import type { ExchangeRecord } from "../http/exchange-record.ts";
import type { Fields } from "../http/fields.ts";
import type { OutgoingRequest } from "../http/outgoing-request.ts";
import { ProxyError, type ReasonCode } from "../http/reason.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { UpstreamPolicies } from "../upstream/policies.ts";
import { beginAttempt, endAttempt } from "./attempt-watch.ts";

/** Whoever makes attempts, and hears of them. */
export interface AttemptHost {
  readonly client: ExchangeOrigin;
  readonly timeouts: AttemptTimeouts | null;
  readonly policies: UpstreamPolicies;
  readonly wheel: TimerWheel;
  /**
   * The endpoint has taken all that there is of the request, and the client has not sent the rest yet: the endpoint owes
   * no answer. Not so while the endpoint is slow to take it, or to be connected to.
   */
  readonly isClientSlow: boolean;
  /** It is on its way; `body` is where its body goes, if it has one. */
  onSent(attempt: EndpointAttempt, body: BodySink): void;
  /** More of the body can be sent. */
  onBodyWritable(): void;
  /** @returns false to be told when more can come, by `EndpointAttempt.resume` */
  onInterim(attempt: EndpointAttempt, head: EndpointAnswer): boolean;
  /** @returns where the body of the answer goes; null if the attempt was given up, because the answer is not wanted */
  onAnswer(attempt: EndpointAttempt, head: EndpointAnswer): BodySink | null;
  /** The answer is complete; in a tunnel, the endpoint has ended its side. The receiver has not heard of it yet. */
  onAnswerEnd(attempt: EndpointAttempt): void;
  /** Nothing more comes of it; the host still has to call `leave`. */
  onFailure(attempt: EndpointAttempt, error: ProxyError): void;
  /** Nobody wants the answer any more. */
  onUnwanted(): void;
  /** See `Attempt.keepConnection`. */
  keepConnection(attempt: EndpointAttempt, connection: BoundConnection): boolean;
  onInternalError(error: unknown): void;
}

/** What an attempt is made of. */
export interface AttemptParts {
  readonly endpoint: Endpoint;
  readonly request: OutgoingRequest;
  /** The connection that its client has at the endpoint; null = any will do. */
  readonly bound: BoundConnection | null;
  readonly wish: ConnectionWish;
}

/** An attempt. Counted at its endpoint from the moment it is made until it is left, which must happen once. */
export class EndpointAttempt implements Attempt, BodySink, BodySource {
  handle: AttemptHandle | null = null;
  readonly endpoint: Endpoint;
  readonly request: OutgoingRequest;
  bound: BoundConnection | null;
  readonly wish: ConnectionWish;
  readonly client: ExchangeOrigin;
  readonly timeouts: AttemptTimeouts | null;
  /** When it was made, had a connection, and was answered; -1 = it has not. */
  readonly startedMs: number;
  connectedMs = -1;
  firstByteMs = -1;
  /** Its connection had served before. */
  isReused = false;
  /** That of the answer; 0 before it. */
  status = 0;
  /** Where the answer goes. */
  sink: BodySink = nowhere;
  readonly #host: AttemptHost;
  #isLeft = false;
  #deadline: Deadline | null = null;

  constructor(host: AttemptHost, { endpoint, request, bound, wish }: AttemptParts) {
    this.endpoint = endpoint;
    this.request = request;
    this.bound = bound;
    this.wish = wish;
    this.client = host.client;
    this.timeouts = host.timeouts;
    this.startedMs = host.wheel.clock.now();
    this.#host = host;
    beginAttempt(endpoint, host.policies);
  }

  send(): void {
    this.endpoint.transport.send(this);
  }

  /** It fails if it has no answer after `ms`, the time that a slow client takes for its body not counted. */
  limit(ms: number): void {
    this.#deadline ??= new Deadline(() => this.#onTimeUp(ms));
    this.#host.wheel.arm(this.#deadline, ms);
  }

  #onTimeUp(ms: number): void {
    if (this.#host.isClientSlow) {
      this.limit(ms);
      return;
    }
    this.cancel();
    this.onFailure(new ProxyError("UPSTREAM_TRY_TIMEOUT"));
  }

  /** It is over for its endpoint, with `outcome`; no more than the first time counts. */
  leave(outcome: AttemptOutcome): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#removeDeadline();
    const firstByteMs = this.firstByteMs === -1 ? -1 : this.firstByteMs - this.startedMs;
    endAttempt(this.endpoint, this.#host.policies, outcome, this.status, firstByteMs);
  }

  /** Writes down what is known of it: it is the one that the log tells of. */
  record(record: ExchangeRecord): void {
    record.endpointName = this.endpoint.name;
    record.attemptStartedMs = this.startedMs;
    record.connectedMs = this.connectedMs;
    record.firstByteMs = this.firstByteMs;
    record.isUpstreamConnectionReused = this.isReused;
  }

  /** It is over for its endpoint, with `outcome`, and nothing more comes of it. */
  giveUp(outcome: AttemptOutcome): void {
    this.leave(outcome);
    this.cancel();
  }

  /** Nothing more comes of it; `leave` is the caller's to call. */
  cancel(): void {
    const { handle } = this;
    this.handle = null;
    handle?.cancel(this);
  }

  /** Gives up its answer, whose rest may be read and thrown away to keep the connection. */
  skip(): void {
    const { handle } = this;
    this.handle = null;
    handle?.skip(this);
  }

  #removeDeadline(): void {
    if (this.#deadline !== null) this.#host.wheel.remove(this.#deadline);
  }

  // `BodySource`: the answer's receiver.

  resume(): void {
    this.handle?.resume(this);
  }

  stop(): void {
    this.#host.onUnwanted();
  }

  // `Attempt`.

  onSent(body: BodySink, isReused: boolean): void {
    this.isReused = isReused;
    this.connectedMs = isReused ? this.startedMs : this.#host.wheel.clock.now();
    try {
      this.#host.onSent(this, body);
    } catch (error) {
      this.#host.onInternalError(error);
    }
  }

  onBodyWritable(): void {
    try {
      this.#host.onBodyWritable();
    } catch (error) {
      this.#host.onInternalError(error);
    }
  }

  onInterim(head: EndpointAnswer): boolean {
    return this.#host.onInterim(this, head);
  }

  onAnswer(head: EndpointAnswer): BodySink {
    this.firstByteMs = this.#host.wheel.clock.now();
    this.status = head.status;
    this.#removeDeadline();
    try {
      this.sink = this.#host.onAnswer(this, head) ?? nowhere;
    } catch (error) {
      this.#host.onInternalError(error);
    }
    return this;
  }

  onFailure(error: ProxyError): void {
    this.handle = null;
    try {
      this.#host.onFailure(this, error);
    } catch (bug) {
      this.#host.onInternalError(bug);
    }
  }

  keepConnection(connection: BoundConnection): boolean {
    return this.#host.keepConnection(this, connection);
  }

  // `BodySink`: its answer. That of the exchange, which it goes to, never throws.

  data(chunk: Buffer): void {
    this.sink.data(chunk);
  }

  flush(): boolean {
    return this.sink.flush();
  }

  end(trailers: Fields | null): boolean {
    if (this.#isLeft) return true;
    try {
      this.#host.onAnswerEnd(this);
      return this.sink.end(trailers);
    } catch (error) {
      this.#host.onInternalError(error);
      return false;
    }
  }

  abort(code: ReasonCode): void {
    this.sink.abort(code);
  }
}
