/**
 * The attempt loop: pick an endpoint, prepare the request, send it, judge what comes back, relay the answer. One object
 * an exchange and one an attempt (`endpoint-attempt.ts`); failures are judged by a third, which is made with the first
 * of them (`failure-judge.ts`). The decisions are pure functions in the files beside this one.
 *
 * Invariants: every attempt is left once; after `isOver` nothing reaches the client; callbacks of an attempt that was
 * given up never come.
 */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import type { AttemptTimeouts, ConnectionWish, EndpointAnswer } from "../http/attempt.ts";
import type { BodySink } from "../http/body.ts";
import type { BoundConnection } from "../http/bound-connections.ts";
import type { Answerer, Exchange, ExchangeOrigin } from "../http/exchange.ts";
import { Fields } from "../http/fields.ts";
import { isIdempotent } from "../http/method.ts";
import type { OutgoingRequest } from "../http/outgoing-request.ts";
import type { ProxyError, ReasonCode } from "../http/reason.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { PickHint } from "../upstream/balancer/balancer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { UpstreamPolicies } from "../upstream/policies.ts";
import { Admission, type AdmissionHost } from "./admission.ts";
import { bindEndpoint, findBoundEndpoint } from "./bound-endpoint.ts";
import { type AttemptHost, EndpointAttempt } from "./endpoint-attempt.ts";
import type { ForwardContext, ForwardedExchange, ForwardPlan } from "./forward-plan.ts";
import { FailureJudge, type JudgeHost } from "./failure-judge.ts";
import { canHedge, Hedge, type HedgeHost } from "./hedge.ts";
import { prepareRequest } from "./prepare-request.ts";
import { addAffinity, toRelayedHead } from "./relay-head.ts";
import type { RetryDecision } from "./retry-policy.ts";
import { Upload } from "./upload.ts";

const noEndpoints: readonly Endpoint[] = [];

/** Answers `exchange` from an endpoint of the plan's upstream. */
export function forward(exchange: Exchange, plan: ForwardPlan, context: ForwardContext): void {
  new Forwarding(exchange, plan, context).run();
}

class Forwarding implements AdmissionHost, AttemptHost, HedgeHost, JudgeHost, Answerer, PickHint {
  readonly client: ExchangeOrigin;
  readonly timeouts: AttemptTimeouts | null;
  readonly policies: UpstreamPolicies;
  readonly wheel: TimerWheel;
  // `PickHint`
  readonly key: string | null;
  tried: readonly Endpoint[] = noEndpoints;
  /** The endpoint has switched protocols. */
  isTunnel = false;
  readonly #exchange: Exchange;
  readonly #plan: ForwardPlan;
  readonly #context: ForwardContext;
  readonly #request: OutgoingRequest;
  /** The attempt whose answer is waited for, or relayed; null between attempts. A hedge that wins takes its place. */
  #attempt: EndpointAttempt | null = null;
  /** Null = the route does not hedge, or not this request. */
  #hedge: Hedge | null = null;
  /** The connection that the client has at the endpoint that was picked; null = it has none. */
  #bound: BoundConnection | null = null;
  /** Null until something is sent behind the head. */
  #upload: Upload | null = null;
  /** Null until an attempt has failed. */
  #judge: FailureJudge | null = null;
  /** Null = the upstream has no limits. */
  #admission: Admission | null = null;
  /** The failure that is the answer if no endpoint is left. */
  #failure: ReasonCode = "NO_ENDPOINT";
  #failureDetail = "";
  #isOver = false;
  #totalDeadline: Deadline | null = null;

  constructor(exchange: Exchange, plan: ForwardPlan, context: ForwardContext) {
    this.client = exchange.origin;
    this.timeouts = plan.timeouts;
    this.policies = plan.upstream.policies;
    this.wheel = context.wheel;
    this.key = plan.keyOf(exchange);
    this.#exchange = exchange;
    this.#plan = plan;
    this.#context = context;
    this.#request = prepareRequest(exchange, plan.via);
  }

  run(): void {
    const exchange = this.#exchange;
    exchange.record.upstreamName = this.#plan.upstream.name;
    const { breaker, retryBudget } = this.policies;
    if (breaker !== null && !breaker.admit()) {
      exchange.fail("BREAKER_OPEN", "", Fields.none.plus("Retry-After", `${breaker.retryAfterSeconds}`));
      return;
    }
    exchange.answerer = this;
    if (this.#plan.totalTimeoutMs > 0) {
      this.#totalDeadline = new Deadline(() => this.#giveUp("TOTAL_TIMEOUT"));
      this.wheel.armAt(this.#totalDeadline, exchange.record.startedMs + this.#plan.totalTimeoutMs);
    }
    retryBudget?.noteRequest();
    this.#next("NO_ENDPOINT", "");
  }

  // Pick. Without an endpoint, the last failure is the answer.

  #next(failure: ReasonCode, detail: string): void {
    this.#failure = failure;
    this.#failureDetail = detail;
    const { saturation } = this.policies;
    if (saturation === null) this.onAdmitted(this.pick());
    else (this.#admission ??= new Admission(saturation, this)).ask();
  }

  pick(): Endpoint | null {
    const { upstream } = this.#plan;
    this.#bound = null;
    if (this.client.bonds !== undefined && this.client.bonds !== null) {
      const own = findBoundEndpoint(this.client, upstream);
      if (own !== null) {
        this.#bound = own.connection;
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

  pickBeside(): Endpoint | null {
    const first = this.#attempt;
    if (first === null) return null;
    return this.#plan.upstream.pickFor(this.#exchange, { key: this.key, tried: [...this.tried, first.endpoint] });
  }

  // Send.

  #send(endpoint: Endpoint): void {
    const { hedgeAfterMs, retry } = this.#plan;
    const attempt = this.#begin(endpoint, this.#judge === null ? "any" : this.#judge.wish, this.#bound);
    this.#attempt = attempt;
    attempt.record(this.#exchange.record);
    if (retry.perTryTimeoutMs > 0) attempt.limit(retry.perTryTimeoutMs);
    if (hedgeAfterMs > 0 && this.#hedge === null && canHedge(attempt, this.#exchange))
      this.#hedge = new Hedge(this, this.#parts);
    attempt.send();
  }

  beginBeside(endpoint: Endpoint): EndpointAttempt {
    return this.#begin(endpoint, "idle", null);
  }

  #begin(endpoint: Endpoint, wish: ConnectionWish, bound: BoundConnection | null): EndpointAttempt {
    this.#exchange.record.attempts++;
    // A client of HTTP/1.0 need not say a host: the endpoint is then told its own.
    const isNameless = this.#request.authority === "";
    const request = isNameless ? this.#request.withAuthority(endpoint.authority) : this.#request;
    return new EndpointAttempt(this, { endpoint, request, bound, wish });
  }

  onSent(attempt: EndpointAttempt, body: BodySink): void {
    // A hedge has neither a body nor a tunnel.
    if (attempt !== this.#attempt) return;
    attempt.record(this.#exchange.record);
    const { body: length, method, tunnel } = this.#request;
    if (length === 0 && tunnel === null) return;
    this.#upload ??= new Upload(this.#exchange, isIdempotent(method) ? this.#context.held : null);
    this.#upload.begin(body);
  }

  onBodyWritable(): void {
    if (!this.#isOver) this.#upload?.resume();
  }

  get isClientSlow(): boolean {
    return this.#upload !== null && this.#upload.isClientSlow;
  }

  // Judge.

  onFailure(attempt: EndpointAttempt, error: ProxyError): void {
    if (attempt === this.#hedge?.attempt) {
      this.#onHedgeFailure(attempt, error);
      return;
    }
    if (this.#isOver) return;
    this.#attempt = null;
    this.#upload?.detach();
    const decision = this.#ensureJudge().judge(attempt, error);
    if (decision === "free") {
      this.#context.onRetry(this.#exchange, error.code);
      this.#next(error.code, error.detail);
    } else if (!this.#isHedged(attempt.endpoint)) this.#follow(decision, error, attempt.endpoint);
  }

  #onHedgeFailure(attempt: EndpointAttempt, error: ProxyError): void {
    this.#hedge!.settle("failed");
    const decision = this.#ensureJudge().judgeHedge(attempt, error);
    // The first attempt has failed, too, and has waited for this one.
    if (this.#attempt === null && !this.#isOver) this.#follow(decision, error, attempt.endpoint);
  }

  /** After a failure that nothing else makes up for. */
  #follow(decision: RetryDecision, error: ProxyError, failed: Endpoint): void {
    const cost = error.replay === "safe" ? "nothing" : "work";
    if (decision !== "no" && this.#ensureJudge().charge(failed, cost)) this.#retry(failed, error.code);
    else this.#fail(error.code, error.detail);
  }

  /** The endpoint answered with a failure. @returns false if that is the answer */
  #retryAnswer(attempt: EndpointAttempt, head: EndpointAnswer): boolean {
    const judge = this.#ensureJudge();
    if (!judge.canReplace(attempt, head)) return false;
    const isHedged = this.#isHedged(attempt.endpoint);
    if (!isHedged && !judge.charge(attempt.endpoint, "work")) return false;
    this.#attempt = null;
    this.#upload?.detach();
    attempt.leave("answered");
    attempt.skip();
    if (!isHedged) this.#retry(attempt.endpoint, head.status);
    return true;
  }

  /** The attempt at `failed` is over: is there another under way, whose answer may be the answer? */
  #isHedged(failed: Endpoint): boolean {
    if (this.#hedge !== null && this.#hedge.attempt !== null) {
      this.tried = [...this.tried, failed];
      return true;
    }
    this.#hedge?.cancel();
    return false;
  }

  #ensureJudge(): FailureJudge {
    return (this.#judge ??= new FailureJudge(this, this.#parts));
  }

  /** Made for those that need it. */
  get #parts(): ForwardedExchange {
    return { exchange: this.#exchange, plan: this.#plan, context: this.#context };
  }

  get isBodyReplayable(): boolean {
    return this.#upload === null || this.#upload.isReplayable;
  }

  #retry(failed: Endpoint, cause: ReasonCode | number): void {
    this.#context.onRetry(this.#exchange, cause);
    this.tried = [...this.tried, failed];
    this.#ensureJudge().pause(() => {
      try {
        this.#next(typeof cause === "number" ? "NO_ENDPOINT" : cause, "");
      } catch (error) {
        this.onInternalError(error);
      }
    });
  }

  // Relay.

  onInterim(attempt: EndpointAttempt, head: EndpointAnswer): boolean {
    return attempt === this.#attempt ? this.#exchange.interim(head) : true;
  }

  onAnswer(attempt: EndpointAttempt, head: EndpointAnswer): BodySink | null {
    const exchange = this.#exchange;
    const isFailure = this.#plan.retry.statuses?.has(head.status) === true;
    if (attempt === this.#hedge?.attempt && !this.#takeHedge(attempt, isFailure)) return null;
    attempt.record(exchange.record);
    this.#judge?.noteAnswer(head.status);
    if (isFailure && this.#retryAnswer(attempt, head)) return null;
    this.#hedge?.cancel();
    const { affinity } = this.#plan.upstream;
    if (affinity !== null) addAffinity(exchange, attempt.endpoint, affinity);
    if (head.tunnel !== null) this.#beginTunnel();
    const sink = exchange.start(toRelayedHead(head), attempt);
    if (this.isTunnel && !this.#isOver) this.#upload!.openTunnel();
    return sink;
  }

  /** The hedge answers first. @returns false if its answer is a failure, and the first attempt may still succeed */
  #takeHedge(attempt: EndpointAttempt, isFailure: boolean): boolean {
    const first = this.#attempt;
    if (first !== null && isFailure) {
      this.#hedge!.settle("failed");
      attempt.leave("answered");
      attempt.skip();
      return false;
    }
    first?.giveUp("cancelled");
    // From here on it is the attempt of the exchange, and what the hedge had taken is given back.
    this.#attempt = attempt;
    this.#hedge!.settle("won");
    return true;
  }

  #beginTunnel(): void {
    this.isTunnel = true;
    if (this.#totalDeadline !== null) this.wheel.remove(this.#totalDeadline);
    this.#context.onTunnel(this.#exchange, 1);
  }

  onAnswerEnd(attempt: EndpointAttempt): void {
    // In a tunnel, the endpoint alone has ended its side.
    if (this.isTunnel || this.#isOver) return;
    this.#finish("answered");
    attempt.handle = null;
  }

  keepConnection(attempt: EndpointAttempt, connection: BoundConnection): boolean {
    if (this.#isOver || attempt !== this.#attempt) return false;
    bindEndpoint(this.client, { upstream: this.#plan.upstream, endpoint: attempt.endpoint, connection });
    return true;
  }

  // `Answerer`: the client's side.

  /** Only before the first attempt: later, something has been done for the exchange already. */
  get isQueued(): boolean {
    return this.#admission?.isWaiting === true && this.#exchange.record.attempts === 0;
  }

  resume(): void {
    this.#attempt?.resume();
  }

  onUnwanted(): void {
    if (!this.#isOver) this.#end(this.isTunnel ? "answered" : "cancelled");
  }

  cancel(): void {
    this.onUnwanted();
  }

  // Endings: `#end` and `#finish` end what is under way upstream; the others tell the client, too.

  /** The time of the exchange is over. */
  #giveUp(code: ReasonCode): void {
    if (this.#isOver) return;
    const isUnanswered = this.#attempt !== null && this.#attempt.status === 0;
    this.#end(isUnanswered && !this.isClientSlow ? "timeout" : "cancelled");
    this.#exchange.fail(code);
  }

  /** There is no attempt under way, and there will be none: the failure is the answer. */
  #fail(code: ReasonCode, detail: string): void {
    this.#finish("cancelled");
    this.#exchange.fail(code, detail);
  }

  /** A bug of ours ends the exchange, and nothing else. */
  onInternalError(error: unknown): void {
    if (!this.#isOver) this.#end("cancelled");
    this.#exchange.crash(error);
  }

  /** Ends everything, the attempt under way or the rest of its answer included. */
  #end(outcome: AttemptOutcome): void {
    const attempt = this.#attempt;
    this.#finish(outcome);
    attempt?.cancel();
  }

  /** Nothing comes any more: everything that was taken for the exchange is given back. */
  #finish(outcome: AttemptOutcome): void {
    this.#isOver = true;
    this.#attempt?.leave(outcome);
    this.#hedge?.cancel();
    this.#judge?.end();
    this.#admission?.end();
    this.#upload?.release();
    if (this.#totalDeadline !== null) this.wheel.remove(this.#totalDeadline);
    if (this.isTunnel) this.#context.onTunnel(this.#exchange, -1);
  }
}
