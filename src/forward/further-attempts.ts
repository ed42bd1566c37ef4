/**
 * The attempts of one exchange behind its first: which endpoints have been tried, how many there were, whether there may
 * be another, and the pause before it. Made when an attempt has failed for the first time: an exchange that succeeds at
 * once pays nothing.
 */
import type { ScheduledCall } from "../base/scheduler.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { RetryBudget } from "../upstream/retry-budget.ts";
import type { ForwardContext, ForwardPlan } from "./forward-plan.ts";
import { backoffOf } from "./retry-policy.ts";

/** Counts the further attempts of one exchange, and charges them to the budget of its upstream. */
export class FurtherAttempts {
  /** Retries so far, not counting the free one. */
  retries = 0;
  /** The retry that costs nothing has been used; see `RetryFacts`. */
  isFreeRetryUsed = false;
  /** The attempt before failed before anything was sent. */
  isAfterNothing = false;
  readonly #exchange: Exchange;
  readonly #plan: ForwardPlan;
  readonly #context: ForwardContext;
  /** Null = the upstream allows no retries. */
  readonly #budget: RetryBudget | null;
  /** When the attempt under way, or the one to come, was charged to the budget; null if it was not. */
  #chargedMs: number | null = null;
  /** The attempt to come. */
  #pause: ScheduledCall | null = null;

  constructor(exchange: Exchange, plan: ForwardPlan, context: ForwardContext) {
    this.#exchange = exchange;
    this.#plan = plan;
    this.#context = context;
    this.#budget = plan.upstream.policies.retryBudget;
  }

  /**
   * Is there an endpoint beside `tried` and `failed`, and does the budget allow a further attempt? Then that is charged
   * to it.
   */
  charge(tried: readonly Endpoint[], failed: Endpoint): boolean {
    const { upstream } = this.#plan;
    const { breaker } = upstream.policies;
    if (!upstream.hasOther(tried, failed) || (breaker !== null && !breaker.isClosed)) return false;
    this.#chargedMs = this.#budget?.take(this.isAfterNothing ? "nothing" : "work") ?? null;
    if (this.#chargedMs === null) this.#context.onRetryRefused(this.#exchange);
    return this.#chargedMs !== null;
  }

  /** Calls `run` after a pause that grows with each retry. `run` must not throw. */
  pause(run: () => void): void {
    this.retries++;
    this.#pause = this.#context.scheduler.after(backoffOf(this.retries, this.#context.random), () => {
      this.#pause = null;
      run();
    });
  }

  /**
   * The attempt under way is answered: it is over for the budget, and has cost nothing if it took the place of one that
   * reached nobody.
   */
  noteAnswer(status: number): void {
    if (this.#chargedMs !== null && this.isAfterNothing && status < 500) this.#budget!.giveBack(this.#chargedMs);
    this.noteEnd();
  }

  /** The attempt under way is over. */
  noteEnd(): void {
    if (this.#chargedMs === null) return;
    this.#chargedMs = null;
    this.#budget!.end();
  }

  /** No attempt comes any more. */
  end(): void {
    this.#pause?.cancel();
    this.#pause = null;
    this.noteEnd();
  }
}
