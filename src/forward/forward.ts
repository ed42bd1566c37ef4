/**
 * The attempt loop: pick an endpoint, prepare the request, send it, judge what comes back, relay the answer. One object
 * an exchange; the decisions are pure functions in the files beside this one.
 *
 * Invariants: exactly one `enter` and `leave` an attempt; after `isOver` nothing reaches the client; callbacks of an
 * attempt that was given up never come.
 */
import type { ScheduledCall } from "../base/scheduler.ts";
import { Deadline } from "../base/timer-wheel.ts";
import { type BoundConnection, BoundConnections } from "../http/bound-connections.ts";
import { type BodySink, type BodySource, emptySource } from "../http/body.ts";
import type { Answerer, Exchange, ExchangeOrigin } from "../http/exchange.ts";
import { Fields } from "../http/field-section.ts";
import type { ResponseHead } from "../http/message.ts";
import type { OutgoingRequest } from "../http/outgoing-request.ts";
import { ProxyError, type ReasonCode } from "../http/reason.ts";
import type { AttemptTimeouts } from "../http1/endpoint-side/connection-attempt.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { PickHint } from "../upstream/balancer/balancer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Attempt, AttemptHandle } from "../upstream/transport.ts";
import { Admission, type AdmissionHost } from "./admission.ts";
import { beginAttempt, endAttempt } from "./attempt-watch.ts";
import { toOutcome } from "./attempt-outcome.ts";
import { findBoundEndpoint } from "./bound-endpoint.ts";
import type { ForwardContext, ForwardPlan } from "./forward-plan.ts";
import { FurtherAttempts } from "./further-attempts.ts";
import { canHedge, Hedge, type HedgeHost } from "./hedge.ts";
import { prepareRequest } from "./prepare-request.ts";
import { addAffinity, toRelayedHead } from "./relay-head.ts";
import { ReplayBody } from "./replay-body.ts";
import {
  backoffOf,
  decideRetry,
  isIdempotent,
  type RetryDecision,
  type RetryFacts,
  shouldRetryAnswer,
} from "./retry-policy.ts";

const noEndpoints: readonly Endpoint[] = [];

/** Answers `exchange` from an endpoint of the plan's upstream. */
export function forward(exchange: Exchange, plan: ForwardPlan, context: ForwardContext): void {
  new Forwarding(exchange, plan, context).run();
}

class Forwarding implements AdmissionHost, HedgeHost, Answerer, BodySource, PickHint {
  readonly #exchange: Exchange;
  readonly #plan: ForwardPlan;
  readonly #context: ForwardContext;
  // `Attempt`
  handle: AttemptHandle | null = null;
  request: OutgoingRequest;
  mayReuse = true;
  isPipelinable: boolean;
  readonly timeouts: AttemptTimeouts | null;
  readonly isRepeatable: boolean;
  readonly client: ExchangeOrigin;
  bound: BoundConnection | null = null;
  // `PickHint`
  readonly key: string | null;
  tried: readonly Endpoint[] = noEndpoints;

  /** Where the attempt under way is. */
  endpoint: Endpoint | null = null;
  /** The status of the answer to this attempt; 0 before it. */
  #status = 0;
  #body: ReplayBody | null = null;
  #tunnelSink: BodySink | null = null;
  /** Where the answer goes; null before it. */
  #sink: BodySink | null = null;
  /** Gives what goes to the endpoint: the request's body, then the client's bytes in a tunnel. */
  #upload: BodySource = emptySource;
  /** Null until an attempt has failed. */
  #further: FurtherAttempts | null = null;
  /** Null = the upstream has no limits. */
  #admission: Admission | null = null;
  /** The failure that is the answer where no endpoint is left. */
  #failure: ReasonCode = "NO_ENDPOINT";
  #failureDetail = "";
  /** The attempt to come. */
  #pause: ScheduledCall | null = null;
  /** Null = the route does not hedge, or not this request. */
  #hedge: Hedge | null = null;
  /** The attempt whose answer is relayed: this one, or the hedge that was faster. */
  #carrier: Attempt = this;
  #isTunnel = false;
  #isOver = false;
  #totalDeadline: Deadline | null = null;
  #tryDeadline: Deadline | null = null;

  constructor(exchange: Exchange, plan: ForwardPlan, context: ForwardContext) {
    const request = prepareRequest(exchange, plan.via);
    const isFree = request.body === 0 && !request.bindsConnection;
    this.#exchange = exchange;
    this.#plan = plan;
    this.#context = context;
    this.request = request;
    // Not HEAD: where an endpoint sends a body with its answer, as some do, that body would be the answer to the next.
    this.isPipelinable = isFree && request.tunnel === null && request.method === "GET";
    this.isRepeatable = isFree && isIdempotent(request.method);
    this.client = exchange.origin;
    this.timeouts = plan.timeouts;
    this.key = plan.keyOf(exchange);
  }

  run(): void {
    const exchange = this.#exchange;
    exchange.record.upstreamName = this.#plan.upstream.name;
    const { breaker, retryBudget } = this.#plan.upstream.policies;
    if (breaker !== null && !breaker.admit()) {
      exchange.fail("BREAKER_OPEN", "", Fields.none.plus("Retry-After", `${breaker.retryAfterSeconds}`));
      return;
    }
    exchange.answerer = this;
    if (this.#plan.totalTimeoutMs > 0) {
      this.#totalDeadline = new Deadline(() => this.#giveUp("TOTAL_TIMEOUT"));
      this.#context.wheel.armAt(this.#totalDeadline, exchange.record.startedMs + this.#plan.totalTimeoutMs);
    }
    retryBudget?.noteRequest();
    this.#next("NO_ENDPOINT", "");
  }

  /** Pick, prepare, send. Without an endpoint, the last failure is the answer. */
  #next(failure: ReasonCode, detail: string): void {
    this.#failure = failure;
    this.#failureDetail = detail;
    const { saturation } = this.#plan.upstream.policies;
    if (saturation === null) this.onAdmitted(this.pick());
    else (this.#admission ??= new Admission(saturation, this)).ask();
  }

  pick(): Endpoint | null {
    const { upstream } = this.#plan;
    this.bound = null;
    if (this.client.bonds !== undefined && this.client.bonds !== null) {
      const own = findBoundEndpoint(this.client, upstream);
      if (own !== null) {
        this.bound = own.connection;
        return this.tried.includes(own.endpoint) ? null : own.endpoint;
      }
    }
    return upstream.pickFor(this.#exchange, this);
  }

  onAdmitted(endpoint: Endpoint | null): void {
    if (endpoint === null) this.#fail(this.#failure, this.#failureDetail);
    else this.#send(endpoint);
  }

  onRefused(code: "QUEUE_FULL" | "QUEUE_TIMEOUT"): void {
    this.#fail(code, "");
  }

  /** A bug of ours ends the exchange, and nothing else. */
  onInternalError(error: unknown): void {
    if (!this.#isOver) {
      this.#finish("cancelled");
      this.#abandon();
    }
    this.#exchange.crash(error);
  }

  #send(endpoint: Endpoint): void {
    const exchange = this.#exchange;
    this.endpoint = endpoint;
    exchange.record.endpointName = endpoint.name;
    exchange.record.attempts++;
    exchange.record.attemptStartedMs = this.#context.wheel.clock.now();
    exchange.record.firstByteMs = -1;
    this.#status = 0;
    beginAttempt(endpoint, this.#plan.upstream.policies);
    // HTTP/1.0 may leave it to the endpoint who it is.
    if (exchange.request.authority === "") this.request = this.request.withAuthority(endpoint.authority);
    if (this.#plan.retry.perTryTimeoutMs > 0) this.#limitTry();
    if (this.#plan.hedgeAfterMs > 0 && this.#hedge === null && canHedge(this, exchange))
      this.#hedge = new Hedge(this, exchange, this.#plan, this.#context);
    endpoint.transport.send(this);
  }

  // Judge.

  /**
   * Comes from where nobody waits for it, the name service for one: a bug of ours in what follows must end the
   * exchange.
   */
  onError(error: ProxyError): void {
    if (this.#isOver) return;
    try {
      this.#judge(error);
    } catch (bug) {
      this.onInternalError(bug);
    }
  }

  #judge(error: ProxyError): void {
    const endpoint = this.endpoint!;
    const further = this.#countFurther();
    further.end();
    this.#body?.detach();
    this.#carrier.handle = null;
    const decision = decideRetry(error, this.#facts(), this.#plan.retry);
    // That an old connection had been closed says nothing of the endpoint.
    const outcome = decision === "free" ? "cancelled" : this.#outcomeOf(error.code);
    this.#leave(outcome);
    if (outcome !== "cancelled" && outcome !== "answered")
      this.#context.onAttemptFailure(this.#exchange, endpoint, error);
    this.isPipelinable = false;
    if (decision === "free") {
      further.isFreeRetryUsed = true;
      this.mayReuse = false;
      this.#context.onRetry(this.#exchange, error.code);
      this.#next(error.code, error.detail);
    } else if (!this.#isHedged(endpoint)) this.#follow(decision, error, endpoint);
  }

  /**
   * Servers of WebSocket refuse an upgrade by closing the connection without an answer, and end a tunnel by a reset:
   * anybody could have an endpoint ejected by asking for either.
   */
  #outcomeOf(code: ReasonCode): AttemptOutcome {
    if (this.#isTunnel) return "answered";
    return this.request.tunnel !== null && code === "UPSTREAM_RESET" ? "cancelled" : toOutcome(code);
  }

  /** After a failure that nothing else makes up for. */
  #follow(decision: RetryDecision, error: ProxyError, endpoint: Endpoint): void {
    this.#further!.isAfterNothing = error.replay === "safe";
    if (decision !== "no" && this.#mayRetry(endpoint)) this.#retry(endpoint, error.code);
    else this.#fail(error.code, error.detail);
  }

  /** The endpoint answered with a failure. @returns false where that is the answer */
  #retryAnswer(head: ResponseHead): boolean {
    const endpoint = this.endpoint!;
    if (!shouldRetryAnswer(head, this.#facts(), this.#plan.retry)) return false;
    const isHedged = this.#isHedged(endpoint);
    this.#countFurther().isAfterNothing = false;
    if (!isHedged && !this.#mayRetry(endpoint)) return false;
    this.#body?.detach();
    this.#leave("answered");
    this.#abandon("skip");
    this.#carrier = this;
    if (!isHedged) this.#retry(endpoint, head.status);
    return true;
  }

  /** The attempt at `failed` is over: is there another under way, whose answer may be the answer? */
  #isHedged(failed: Endpoint): boolean {
    if (this.#hedge?.isUnderWay === true) {
      this.tried = [...this.tried, failed];
      return true;
    }
    this.#hedge?.cancel();
    return false;
  }

  /** An attempt has failed. */
  #countFurther(): FurtherAttempts {
    return (this.#further ??= new FurtherAttempts(this.#plan.upstream.policies.retryBudget));
  }

  #facts(): RetryFacts {
    const exchange = this.#exchange;
    return {
      isHeadSent: exchange.isAnswered,
      isBodyReplayable: this.#body === null || this.#body.isReplayable,
      isIdempotent: isIdempotent(exchange.request.method),
      retries: this.#further?.retries ?? 0,
      isFreeRetryUsed: this.#further?.isFreeRetryUsed === true,
      isBound: this.bound !== null || this.request.bindsConnection,
    };
  }

  /** Is there another endpoint, and does the budget allow a further attempt? Then that is charged to it. */
  #mayRetry(failed: Endpoint): boolean {
    const { upstream } = this.#plan;
    const { breaker } = upstream.policies;
    if (!upstream.hasOther(this.tried, failed) || (breaker !== null && !breaker.isClosed)) return false;
    const isCharged = this.#further!.charge();
    if (!isCharged) this.#context.onRetryRefused(this.#exchange);
    return isCharged;
  }

  #retry(failed: Endpoint, cause: ReasonCode | number): void {
    this.#context.onRetry(this.#exchange, cause);
    const retries = ++this.#further!.retries;
    this.tried = [...this.tried, failed];
    this.#pause = this.#context.scheduler.after(backoffOf(retries, this.#context.random), () => {
      this.#pause = null;
      try {
        this.#next(typeof cause === "number" ? "NO_ENDPOINT" : cause, "");
      } catch (error) {
        this.onInternalError(error);
      }
    });
  }

  #limitTry(): void {
    this.#tryDeadline ??= new Deadline(() => this.#onTryTimeout());
    this.#context.wheel.arm(this.#tryDeadline, this.#plan.retry.perTryTimeoutMs);
  }

  #onTryTimeout(): void {
    if (this.#isClientSlow) this.#limitTry();
    else {
      this.#abandon();
      this.onError(new ProxyError("UPSTREAM_TRY_TIMEOUT"));
    }
  }

  /** The request has not been sent whole: that nothing is answered is no fault of the endpoint. */
  get #isClientSlow(): boolean {
    return this.request.body !== 0 && this.#body?.isEnded !== true;
  }

  // `HedgeHost`.

  onHedgeHead(hedge: Hedge, head: ResponseHead): boolean {
    const { retry } = this.#plan;
    // A failure is no answer while there is hope for another.
    if (this.endpoint !== null && retry.statuses?.has(head.status) === true) return false;
    const exchange = this.#exchange;
    this.#leave("cancelled");
    this.#abandon();
    this.#carrier = hedge;
    this.endpoint = hedge.endpoint;
    exchange.record.endpointName = hedge.endpoint!.name;
    exchange.record.attemptStartedMs = hedge.startedMs;
    exchange.record.isUpstreamConnectionReused = hedge.isReused;
    return true;
  }

  onHedgeError(error: ProxyError, endpoint: Endpoint): void {
    // The first attempt has failed, too, and has waited for this one.
    if (this.endpoint === null && !this.#isOver)
      this.#follow(decideRetry(error, this.#facts(), this.#plan.retry), error, endpoint);
  }

  // Relay. The connection that calls may carry the attempts of others: what is thrown in here must not reach it. What
  // `Exchange` promises not to throw needs no more than that.

  onConnected(body: BodySink, isReused: boolean): void {
    try {
      this.#noteConnection(body, isReused);
    } catch (error) {
      this.onInternalError(error);
    }
  }

  #noteConnection(body: BodySink, isReused: boolean): void {
    const exchange = this.#exchange;
    exchange.record.isUpstreamConnectionReused = isReused;
    exchange.record.connectedMs = isReused ? exchange.record.attemptStartedMs : this.#context.wheel.clock.now();
    if (this.request.tunnel !== null) this.#tunnelSink = body;
    if (this.request.body !== 0) {
      const held = isIdempotent(exchange.request.method) ? this.#context.held : null;
      this.#body ??= new ReplayBody(exchange.body, held);
      this.#upload = this.#body;
      this.#body.attach(body);
    }
  }

  onBodyWritable(): void {
    try {
      if (!this.#isOver) this.#upload.resume();
    } catch (error) {
      this.onInternalError(error);
    }
  }

  onInterim(head: ResponseHead): boolean {
    if (this.#isOver) return true;
    return this.#exchange.interim(head);
  }

  onHead(head: ResponseHead): void {
    try {
      this.#relay(head);
    } catch (error) {
      this.onInternalError(error);
    }
  }

  #relay(head: ResponseHead): void {
    const exchange = this.#exchange;
    exchange.record.firstByteMs = this.#context.wheel.clock.now();
    this.#status = head.status;
    this.#further?.noteAnswer(head.status);
    if (this.#tryDeadline !== null) this.#context.wheel.disarm(this.#tryDeadline);
    if (this.#plan.retry.statuses?.has(head.status) === true && this.#retryAnswer(head)) return;
    this.#hedge?.cancel();
    const { affinity } = this.#plan.upstream;
    if (affinity !== null) addAffinity(exchange, this.endpoint!, affinity);
    if (head.tunnel !== null) this.#beginTunnel();
    this.#sink = exchange.start(toRelayedHead(head), this);
    if (this.#isTunnel && !this.#isOver) this.#upload = exchange.openTunnel(this.#tunnelSink!);
  }

  #beginTunnel(): void {
    this.#isTunnel = true;
    if (this.#totalDeadline !== null) this.#context.wheel.remove(this.#totalDeadline);
    this.#context.onTunnel(this.#exchange, 1);
  }

  onData(chunk: Buffer): void {
    this.#sink!.data(chunk);
  }

  onReadEnd(): boolean {
    return this.#sink!.flush();
  }

  onEnd(trailers: string): boolean {
    if (this.#isOver) return true;
    try {
      if (!this.#isTunnel) {
        this.#finish("answered");
        this.#carrier.handle = null;
      }
      return this.#sink!.end(trailers === "" ? null : Fields.ofText(trailers));
    } catch (error) {
      this.onInternalError(error);
      return false;
    }
  }

  keepConnection(connection: BoundConnection): boolean {
    if (this.#isOver || this.endpoint === null) return false;
    (this.client.bonds ??= new BoundConnections()).keep({
      upstreamName: this.#plan.upstream.name,
      endpointName: this.endpoint.name,
      connection,
    });
    return true;
  }

  // `BodySource` and `Answerer`: the client's side.

  resume(): void {
    this.#carrier.handle?.resume(this.#carrier);
  }

  /** Before the first attempt: one that follows a failure waits for what has been begun. */
  get isQueued(): boolean {
    return this.#admission?.isWaiting === true && this.#exchange.record.attempts === 0;
  }

  stop(): void {
    if (this.#isOver) return;
    this.#finish(this.#isTunnel ? "answered" : "cancelled");
    this.#abandon();
  }

  cancel(code: ReasonCode): void {
    this.stop();
    // A filter may have the beginning of an answer that has not reached the client.
    this.#sink?.abort(code);
  }

  // Endings.

  #giveUp(code: ReasonCode): void {
    if (this.#isOver) return;
    this.#finish(this.#status === 0 && !this.#isClientSlow ? "timeout" : "cancelled");
    this.#abandon();
    this.#exchange.fail(code);
  }

  #fail(code: ReasonCode, detail: string): void {
    this.#finish("cancelled");
    this.#exchange.fail(code, detail);
  }

  #finish(outcome: AttemptOutcome): void {
    this.#isOver = true;
    this.#leave(outcome);
    this.#hedge?.cancel();
    this.#further?.end();
    this.#admission?.end();
    this.#body?.release();
    this.#pause?.cancel();
    this.#pause = null;
    if (this.#totalDeadline !== null) this.#context.wheel.remove(this.#totalDeadline);
    if (this.#tryDeadline !== null) this.#context.wheel.remove(this.#tryDeadline);
    if (this.#isTunnel) this.#context.onTunnel(this.#exchange, -1);
  }

  /** Gives up the attempt under way, or the rest of its answer. */
  #abandon(how: "cancel" | "skip" = "cancel"): void {
    const carrier = this.#carrier;
    const { handle } = carrier;
    carrier.handle = null;
    handle?.[how](carrier);
  }

  #leave(outcome: AttemptOutcome): void {
    const endpoint = this.endpoint;
    if (endpoint === null) return;
    this.endpoint = null;
    if (this.#tryDeadline !== null) this.#context.wheel.disarm(this.#tryDeadline);
    const exchange = this.#exchange;
    const firstByteMs =
      exchange.record.firstByteMs === -1 ? -1 : exchange.record.firstByteMs - exchange.record.attemptStartedMs;
    endAttempt(endpoint, this.#plan.upstream.policies, outcome, this.#status, firstByteMs);
  }
}
