/**
 * A second attempt beside the first, at another endpoint, for a request that has waited too long for its answer (Dean
 * and Barroso, The Tail at Scale, 2013). Whichever answers first is the answer, the other is given up. Safe methods
 * without a body only, one at most for an exchange, out of the retry budget, and only if the upstream's limits have
 * room for one more at once.
 */
import type { ScheduledCall } from "../base/scheduler.ts";
import type { Exchange } from "../http/exchange.ts";
import { isSafe } from "../http/method.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { UpstreamPolicies } from "../upstream/policies.ts";
import type { EndpointAttempt } from "./endpoint-attempt.ts";
import type { ForwardContext, ForwardedExchange, HedgeResult } from "./forward-plan.ts";

/** The exchange that is hedged. */
export interface HedgeHost {
  /** @returns an endpoint beside that of the first attempt; null if there is none, or the first attempt is over */
  pickBeside(): Endpoint | null;
  /** Makes the second attempt; the hedge sends it. */
  beginBeside(endpoint: Endpoint): EndpointAttempt;
  onInternalError(error: unknown): void;
}

/**
 * May the request of `first` be sent twice at the same time? A request of HTTP/1.0 without a Host may not, because it
 * is a different one for each endpoint.
 */
export function canHedge({ request, bound }: EndpointAttempt, exchange: Exchange): boolean {
  return (
    request.body === 0 &&
    request.tunnel === null &&
    !request.bindsConnection &&
    bound === null &&
    exchange.request.authority !== "" &&
    isSafe(request.method)
  );
}

/** Waits, then begins a second attempt within what budget, breaker and limits allow. */
export class Hedge {
  /** The second attempt, until the hedge is settled; null before it. */
  attempt: EndpointAttempt | null = null;
  readonly #host: HedgeHost;
  readonly #exchange: Exchange;
  readonly #policies: UpstreamPolicies;
  readonly #context: ForwardContext;
  #call: ScheduledCall | null;

  constructor(host: HedgeHost, { exchange, plan, context }: ForwardedExchange) {
    this.#host = host;
    this.#exchange = exchange;
    this.#policies = plan.upstream.policies;
    this.#context = context;
    this.#call = context.scheduler.after(plan.hedgeAfterMs, this.#start);
  }

  readonly #start = (): void => {
    this.#call = null;
    const { breaker, retryBudget, saturation } = this.#policies;
    try {
      const endpoint = this.#host.pickBeside();
      if (endpoint === null || (breaker !== null && !breaker.isClosed)) return;
      if (saturation !== null && !saturation.enterAtOnce(endpoint)) return;
      if (retryBudget === null || retryBudget.take("work") === null) {
        saturation?.leaveEndpoint(endpoint);
        saturation?.leave();
        return;
      }
      this.attempt = this.#host.beginBeside(endpoint);
      this.attempt.send();
    } catch (error) {
      this.#host.onInternalError(error);
    }
  };

  /**
   * Its attempt is over, or has become that of the exchange: what was taken for it is given back. The attempt itself is
   * the caller's to leave.
   */
  settle(result: HedgeResult): void {
    this.attempt = null;
    this.#policies.retryBudget!.end();
    this.#policies.saturation?.leave();
    this.#context.onHedge(this.#exchange, result);
  }

  /** It is of no use any more; harmless if it is over. */
  cancel(): void {
    this.#call?.cancel();
    this.#call = null;
    const { attempt } = this;
    if (attempt === null) return;
    this.settle("lost");
    attempt.giveUp("cancelled");
  }
}
