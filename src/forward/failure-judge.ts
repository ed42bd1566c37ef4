/**
 * The judge of one exchange's failed attempts: what a failure says of its endpoint, whether another attempt may follow
 * (`retry-policy.ts`), what the retry budget of the upstream is charged for it, and the pause before it. Made when an
 * attempt has failed for the first time: an exchange that succeeds at once pays nothing.
 */
import type { ScheduledCall } from "../base/scheduler.ts";
import type { ConnectionWish, EndpointAnswer } from "../http/attempt.ts";
import type { Exchange } from "../http/exchange.ts";
import { isIdempotent } from "../http/method.ts";
import type { ProxyError, ReasonCode } from "../http/reason.ts";
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { RetryBudget } from "../upstream/retry-budget.ts";
import { toOutcome } from "./attempt-outcome.ts";
import type { EndpointAttempt } from "./endpoint-attempt.ts";
import type { ForwardContext, ForwardedExchange, ForwardPlan } from "./forward-plan.ts";
import { backoffOf, decideRetry, type RetryDecision, type RetryFacts, shouldRetryAnswer } from "./retry-policy.ts";

/** What the judge asks of whoever makes the attempts. */
export interface JudgeHost {
  /** Endpoints that have had an attempt of this exchange, but for the last. */
  readonly tried: readonly Endpoint[];
  /** Another attempt could be given the whole body of the request. */
  readonly isBodyReplayable: boolean;
  /** The endpoint has switched protocols. */
  readonly isTunnel: boolean;
}

/** Judges the failed attempts of one exchange, and counts those that follow them. */
export class FailureJudge {
  readonly #host: JudgeHost;
  readonly #exchange: Exchange;
  readonly #plan: ForwardPlan;
  readonly #context: ForwardContext;
  /** Null = the upstream allows no retries. */
  readonly #budget: RetryBudget | null;
  /** Retries so far, not counting the free one. */
  #retries = 0;
  /** The retry that costs nothing has been used; see `RetryFacts`. */
  #isFreeRetryUsed = false;
  /** The attempt under way was charged for one that reached nobody. */
  #isAfterNothing = false;
  /** When the attempt under way, or the one to come, was charged to the budget; null if it was not. */
  #chargedMs: number | null = null;
  /** The attempt to come. */
  #pause: ScheduledCall | null = null;

  constructor(host: JudgeHost, { exchange, plan, context }: ForwardedExchange) {
    this.#host = host;
    this.#exchange = exchange;
    this.#plan = plan;
    this.#context = context;
    this.#budget = plan.upstream.policies.retryBudget;
  }

  /** What connection the next attempt may have. */
  get wish(): ConnectionWish {
    return this.#isFreeRetryUsed ? "new" : "idle";
  }

  /**
   * Judges the failure of the exchange's attempt, and leaves it.
   * @returns `free`: another attempt has to follow at once; `other`: one may follow if `charge` agrees
   */
  judge(attempt: EndpointAttempt, error: ProxyError): RetryDecision {
    this.#endCharge();
    const decision = decideRetry(error, this.#factsOf(attempt), this.#plan.retry);
    // An endpoint may close a connection that was kept: that is no failure of the endpoint.
    this.#leave(attempt, error, decision === "free" ? "cancelled" : this.#outcomeOf(attempt, error.code));
    if (decision === "free") this.#isFreeRetryUsed = true;
    return decision;
  }

  /** As `judge`, of a hedge. It has no free retry: `free` means the same as `other`. */
  judgeHedge(attempt: EndpointAttempt, error: ProxyError): RetryDecision {
    this.#leave(attempt, error, error.replay === "if-reused" ? "cancelled" : toOutcome(error.code));
    return decideRetry(error, this.#factsOf(attempt), this.#plan.retry);
  }

  /** May an answer whose status counts as a failure be thrown away, for another attempt to be made if `charge` agrees? */
  canReplace(attempt: EndpointAttempt, head: EndpointAnswer): boolean {
    return shouldRetryAnswer(head, this.#factsOf(attempt), this.#plan.retry);
  }

  /**
   * Charges a further attempt to the budget, if it allows one and there is an endpoint that has had none.
   * @param failed the endpoint of the attempt that has failed
   * @param cost what that attempt has cost: `nothing` if nothing of it was sent
   * @returns false if there is to be no further attempt
   */
  charge(failed: Endpoint, cost: "nothing" | "work"): boolean {
    const { upstream } = this.#plan;
    const { breaker } = upstream.policies;
    this.#isAfterNothing = cost === "nothing";
    if (!upstream.hasOther(this.#host.tried, failed) || (breaker !== null && !breaker.isClosed)) return false;
    this.#chargedMs = this.#budget?.take(cost) ?? null;
    if (this.#chargedMs === null) this.#context.onRetryRefused(this.#exchange);
    return this.#chargedMs !== null;
  }

  /** Calls `run` after a pause that grows with each retry. `run` must not throw. */
  pause(run: () => void): void {
    this.#retries++;
    this.#pause = this.#context.scheduler.after(backoffOf(this.#retries, this.#context.random), () => {
      this.#pause = null;
      run();
    });
  }

  /**
   * The attempt under way is answered: it is over for the budget, and has cost nothing if it took the place of one that
   * reached nobody.
   */
  noteAnswer(status: number): void {
    if (this.#chargedMs !== null && this.#isAfterNothing && status < 500) this.#budget!.giveBack(this.#chargedMs);
    this.#endCharge();
  }

  /** No attempt comes any more. */
  end(): void {
    this.#pause?.cancel();
    this.#pause = null;
    this.#endCharge();
  }

  /** The attempt that was charged is over. */
  #endCharge(): void {
    if (this.#chargedMs === null) return;
    this.#chargedMs = null;
    this.#budget!.end();
  }

  #leave(attempt: EndpointAttempt, error: ProxyError, outcome: AttemptOutcome): void {
    attempt.leave(outcome);
    if (outcome !== "cancelled" && outcome !== "answered")
      this.#context.onAttemptFailure(this.#exchange, attempt.endpoint, error);
  }

  /**
   * Servers of WebSocket refuse an upgrade by closing the connection without an answer, and end a tunnel by a reset:
   * anybody could have an endpoint ejected by asking for either.
   */
  #outcomeOf({ request }: EndpointAttempt, code: ReasonCode): AttemptOutcome {
    if (this.#host.isTunnel) return "answered";
    return request.tunnel !== null && code === "UPSTREAM_RESET" ? "cancelled" : toOutcome(code);
  }

  #factsOf({ bound, request }: EndpointAttempt): RetryFacts {
    return {
      isHeadSent: this.#exchange.isAnswered,
      isBodyReplayable: this.#host.isBodyReplayable,
      isIdempotent: isIdempotent(request.method),
      retries: this.#retries,
      isFreeRetryUsed: this.#isFreeRetryUsed,
      isBound: bound !== null || request.bindsConnection,
    };
  }
}
