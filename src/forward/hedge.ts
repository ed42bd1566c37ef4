/**
 * A second attempt beside the first, at another endpoint, for a request that has waited too long for its answer (Dean
 * and Barroso, The Tail at Scale, 2013). Whichever answers first is the answer, the other is given up. Safe methods
 * without a body only, one at most for an exchange, out of the retry budget, and only where the upstream's limits have
 * room for one more at once.
 */
import type { ScheduledCall } from "../base/scheduler.ts";
import type { BoundConnection } from "../http/bound-connections.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ResponseHead } from "../http/message.ts";
import type { OutgoingRequest } from "../http/outgoing-request.ts";
import type { ProxyError } from "../http/reason.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { PickHint } from "../upstream/balancer/balancer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Attempt, AttemptHandle } from "../upstream/transport.ts";
import type { UpstreamPolicies } from "../upstream/policies.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { beginAttempt, endAttempt } from "./attempt-watch.ts";
import { toOutcome } from "./attempt-outcome.ts";
import type { ForwardContext, ForwardPlan, HedgeResult } from "./forward-plan.ts";
import { isSafe } from "./retry-policy.ts";

/** The exchange that is hedged, with its first attempt. */
export interface HedgeHost extends Attempt, PickHint {
  /** Where the first attempt is; null = it is over. */
  readonly endpoint: Endpoint | null;
  /**
   * The hedge has an answer, the first attempt has none. @returns whether it is taken: then the host's callbacks go on,
   * and the endpoint is the host's to leave
   */
  onHedgeHead(hedge: Hedge, head: ResponseHead): boolean;
  onHedgeError(error: ProxyError, endpoint: Endpoint): void;
  onInternalError(error: unknown): void;
}

/**
 * May a request be asked twice at the same time? Not the HTTP/1.0 request without a Host either, whose head is
 * different for each endpoint.
 */
export function canHedge({ request, bound }: Attempt, exchange: Exchange): boolean {
  return (
    request.body === 0 &&
    request.tunnel === null &&
    !request.bindsConnection &&
    bound === null &&
    exchange.request.authority !== "" &&
    isSafe(request.method)
  );
}

/** Waits, then sends the second attempt, and hears both of its answer and of the first attempt. */
export class Hedge implements Attempt {
  handle: AttemptHandle | null = null;
  readonly request: OutgoingRequest;
  readonly mayReuse = true;
  readonly isPipelinable = false;
  readonly isRepeatable = true;
  readonly client: object | null;
  bound = null;
  readonly timeouts: Attempt["timeouts"];
  /** While it is under way, or has won. */
  endpoint: Endpoint | null = null;
  startedMs = -1;
  isReused = false;
  readonly #host: HedgeHost;
  readonly #exchange: Exchange;
  readonly #upstream: Upstream;
  readonly #policies: UpstreamPolicies;
  readonly #context: ForwardContext;
  #call: ScheduledCall | null;
  #hasWon = false;

  constructor(host: HedgeHost, exchange: Exchange, plan: ForwardPlan, context: ForwardContext) {
    this.#host = host;
    this.#exchange = exchange;
    this.#upstream = plan.upstream;
    this.#policies = plan.upstream.policies;
    this.#context = context;
    this.request = host.request;
    this.timeouts = host.timeouts;
    this.client = host.client;
    this.#call = context.scheduler.after(plan.hedgeAfterMs, this.#start);
  }

  /** It has been sent and has neither failed nor been given up. */
  get isUnderWay(): boolean {
    return this.endpoint !== null && !this.#hasWon;
  }

  readonly #start = (): void => {
    this.#call = null;
    const { breaker, retryBudget, saturation } = this.#policies;
    try {
      const { key, tried, endpoint: current } = this.#host;
      const endpoint =
        current === null ? null : this.#upstream.pickFor(this.#exchange, { key, tried: [...tried, current] });
      if (endpoint === null || (breaker !== null && !breaker.isClosed)) return;
      if (saturation !== null && !saturation.enterAtOnce(endpoint)) return;
      if (retryBudget === null || retryBudget.take("work") === null) {
        saturation?.leaveEndpoint(endpoint);
        saturation?.leave();
        return;
      }
      this.endpoint = endpoint;
      this.startedMs = this.#context.wheel.clock.now();
      this.#exchange.record.attempts++;
      beginAttempt(endpoint, this.#policies);
      endpoint.transport.send(this);
    } catch (error) {
      this.#host.onInternalError(error);
    }
  };

  /** It is of no use any more; harmless where it is over. */
  cancel(): void {
    this.#call?.cancel();
    this.#call = null;
    if (!this.isUnderWay) return;
    const handle = this.handle;
    this.#end("cancelled", 0, "lost");
    handle?.cancel(this);
  }

  #end(outcome: AttemptOutcome, status: number, result: HedgeResult): void {
    const endpoint = this.endpoint!;
    this.endpoint = null;
    this.handle = null;
    this.#policies.retryBudget!.end();
    this.#policies.saturation?.leave();
    endAttempt(
      endpoint,
      this.#policies,
      outcome,
      status,
      status === 0 ? -1 : this.#context.wheel.clock.now() - this.startedMs,
    );
    this.#context.onHedge(this.#exchange, result);
  }

  // `Attempt`.

  onConnected(_body: unknown, isReused: boolean): void {
    this.isReused = isReused;
  }

  onBodyWritable(): void {}

  onInterim(): boolean {
    return true;
  }

  onHead(head: ResponseHead): void {
    try {
      this.#judge(head);
    } catch (error) {
      this.#host.onInternalError(error);
    }
  }

  #judge(head: ResponseHead): void {
    if (this.#host.onHedgeHead(this, head)) {
      this.#hasWon = true;
      this.#policies.retryBudget!.end();
      // From here on it has the place of the exchange: the first attempt is over.
      this.#policies.saturation?.leave();
      this.#context.onHedge(this.#exchange, "won");
      this.#host.onHead(head);
      return;
    }
    const handle = this.handle;
    this.#end("answered", head.status, "failed");
    handle?.skip(this);
  }

  onData(chunk: Buffer): void {
    this.#host.onData(chunk);
  }

  onReadEnd(): boolean {
    return this.#host.onReadEnd();
  }

  onEnd(trailers: string): boolean {
    return this.#host.onEnd(trailers);
  }

  keepConnection(connection: BoundConnection): boolean {
    return this.#hasWon && this.#host.keepConnection(connection);
  }

  onError(error: ProxyError): void {
    if (this.#hasWon) {
      this.#host.onError(error);
      return;
    }
    const endpoint = this.endpoint;
    if (endpoint === null) return;
    const outcome = error.replay === "if-reused" ? "cancelled" : toOutcome(error.code);
    this.#end(outcome, 0, "failed");
    if (outcome !== "cancelled") this.#context.onAttemptFailure(this.#exchange, endpoint, error);
    try {
      this.#host.onHedgeError(error, endpoint);
    } catch (bug) {
      this.#host.onInternalError(bug);
    }
  }
}
