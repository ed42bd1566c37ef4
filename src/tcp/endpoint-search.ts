/**
 * Finds an endpoint for a session and connects to it: breaker, limits, balancer, dial; another endpoint if the
 * connection does not come about, within the retry policy and budget of the upstream. Nothing of the client has been
 * sent before a connection is up, so every such failure may be followed by another attempt.
 *
 * An endpoint is judged by its connection alone: what is said over it is not understood here, and a client could have
 * any endpoint ejected by making it hang up. It counts as busy with the session until the session ends.
 */
import { toOutcome } from "../forward/attempt-outcome.ts";
import { Admission, type AdmissionHost } from "../forward/admission.ts";
import { backoffOf } from "../forward/retry-policy.ts";
import type { ScheduledCall } from "../base/scheduler.ts";
import type { Clock } from "../base/clock.ts";
import { ProxyError, type ReasonCode } from "../http/reason.ts";
import type { Wire } from "../net/wire.ts";
import type { ObservedSession } from "../observe/observed-session.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { PickHint } from "../upstream/balancer/balancer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { WireGuest, WireOpening } from "../upstream/transport.ts";
import type { TcpForwardContext, TcpPlan } from "./tcp-context.ts";

/** Whoever looks for an endpoint. */
export interface SearchHost {
  /** There is a connection; the wire must be handed to a reader within this call. */
  onEndpointWire(wire: Wire): void;
  /** There is none, and the search is over. */
  onNoEndpoint(code: ReasonCode, detail: string): void;
  onInternalError(error: unknown): void;
}

/** What a search is made of. */
export interface SearchParts {
  readonly host: SearchHost;
  readonly session: ObservedSession;
  readonly client: Wire;
  readonly plan: TcpPlan;
  readonly context: TcpForwardContext;
  readonly clock: Clock;
}

const noEndpoints: readonly Endpoint[] = [];

/** Looks for an endpoint, and keeps its place there until `end`, which must follow once. */
export class EndpointSearch implements AdmissionHost, PickHint, WireGuest {
  // `PickHint`.
  readonly key: string | null;
  tried: readonly Endpoint[] = noEndpoints;
  // `WireGuest`.
  readonly client: Wire;
  opening: WireOpening | null = null;
  readonly #parts: SearchParts;
  readonly #admission: Admission | null;
  /** That of the attempt under way, or of the connection. */
  #endpoint: Endpoint | null = null;
  #isConnected = false;
  #retries = 0;
  /** The attempt under way was charged to the retry budget then; null = it was not. */
  #chargedMs: number | null = null;
  #pause: ScheduledCall | null = null;
  /** The failure that is the answer if there is no endpoint (left). */
  #failure: ReasonCode = "NO_ENDPOINT";
  #detail = "";
  #isOver = false;

  constructor(parts: SearchParts) {
    const { plan, session } = parts;
    const { saturation } = plan.upstream.policies;
    this.#parts = parts;
    this.client = parts.client;
    this.key = plan.isByClient && session.clientIp !== "" ? session.clientIp : null;
    this.#admission = saturation === null ? null : new Admission(saturation, this);
  }

  /** Begins. */
  run(): void {
    const { upstream } = this.#parts.plan;
    const { breaker, retryBudget } = upstream.policies;
    this.#parts.session.record.upstreamName = upstream.name;
    if (breaker !== null && !breaker.admit()) {
      this.#fail("BREAKER_OPEN", "");
      return;
    }
    retryBudget?.noteRequest();
    this.#next();
  }

  /** Gives everything back. A wire that is open is the caller's to close before. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pause?.cancel();
    this.opening?.cancel();
    this.opening = null;
    if (this.#endpoint !== null) {
      if (this.#isConnected) this.#endpoint.transport.noteWireClosed();
      else this.#judge("cancelled");
      this.#leaveEndpoint();
    }
    this.#endCharge();
    this.#admission?.end();
  }

  // Pick.

  #next(): void {
    if (this.#admission === null) this.onAdmitted(this.pick());
    else this.#admission.ask();
  }

  pick(): Endpoint | null {
    return this.#parts.plan.upstream.pick(this);
  }

  onAdmitted(endpoint: Endpoint | null): void {
    if (endpoint === null) this.#fail(this.#failure, this.#detail);
    else this.#connect(endpoint);
  }

  onRefused(code: "QUEUE_FULL" | "QUEUE_TIMEOUT"): void {
    this.#fail(code, "");
  }

  onInternalError(error: unknown): void {
    this.#parts.host.onInternalError(error);
  }

  // Connect.

  #connect(endpoint: Endpoint): void {
    const { plan, session, clock } = this.#parts;
    const { record } = session;
    this.#endpoint = endpoint;
    endpoint.state.enter();
    for (const observer of plan.upstream.policies.observers) observer.onAttemptStart(endpoint);
    record.attempts++;
    record.endpointName = endpoint.name;
    record.attemptStartedMs = clock.now();
    record.connectedMs = -1;
    endpoint.transport.openWire(this);
  }

  onWire(wire: Wire): void {
    const { host, session, clock } = this.#parts;
    this.opening = null;
    this.#isConnected = true;
    session.record.connectedMs = clock.now();
    this.#judge("answered");
    if (this.#chargedMs !== null) this.#parts.plan.upstream.policies.retryBudget!.giveBack(this.#chargedMs);
    this.#endCharge();
    host.onEndpointWire(wire);
  }

  onFailure(error: ProxyError): void {
    const { context, session } = this.#parts;
    const endpoint = this.#endpoint!;
    const outcome = toOutcome(error.code);
    this.opening = null;
    this.#endCharge();
    this.#judge(outcome);
    this.#leaveEndpoint();
    if (outcome !== "cancelled") context.onAttemptFailure(session, endpoint, error);
    if (!this.#mayRetry(error, endpoint)) {
      this.#fail(error.code, error.detail);
      return;
    }
    context.onRetry(session, error.code);
    this.tried = [...this.tried, endpoint];
    this.#failure = error.code;
    this.#detail = error.detail;
    this.#pause = context.scheduler.after(backoffOf(++this.#retries, context.random), this.#onPauseEnd);
  }

  readonly #onPauseEnd = (): void => {
    this.#pause = null;
    try {
      this.#next();
    } catch (error) {
      this.onInternalError(error);
    }
  };

  #mayRetry(error: ProxyError, failed: Endpoint): boolean {
    const { plan, context, session } = this.#parts;
    const { breaker, retryBudget } = plan.upstream.policies;
    if (error.side !== "upstream" || !plan.retry.isOnConnect || this.#retries >= plan.retry.attempts) return false;
    if (!plan.upstream.hasOther(this.tried, failed) || (breaker !== null && !breaker.isClosed)) return false;
    this.#chargedMs = retryBudget?.take("nothing") ?? null;
    if (this.#chargedMs === null) context.onRetryRefused(session);
    return this.#chargedMs !== null;
  }

  #endCharge(): void {
    if (this.#chargedMs === null) return;
    this.#chargedMs = null;
    this.#parts.plan.upstream.policies.retryBudget!.end();
  }

  /** The attempt is over for those who watch endpoints. */
  #judge(outcome: AttemptOutcome): void {
    const { record } = this.#parts.session;
    const connectMs = outcome === "answered" ? record.connectedMs - record.attemptStartedMs : -1;
    for (const observer of this.#parts.plan.upstream.policies.observers)
      observer.onAttemptEnd(this.#endpoint!, outcome, 0, connectMs);
  }

  #leaveEndpoint(): void {
    const endpoint = this.#endpoint!;
    this.#endpoint = null;
    endpoint.state.leave();
    this.#parts.plan.upstream.policies.saturation?.leaveEndpoint(endpoint);
  }

  #fail(code: ReasonCode, detail: string): void {
    this.end();
    this.#parts.host.onNoEndpoint(code, detail);
  }
}
