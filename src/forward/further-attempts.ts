/**
 * The attempts of one exchange behind its first: how many there were, and whether the one under way is charged to the
 * retry budget. Made when an attempt has failed for the first time: an exchange that succeeds at once pays nothing.
 */
import type { RetryBudget } from "../upstream/retry-budget.ts";

/** Counts the further attempts of one exchange, and charges them to the budget of its upstream. */
export class FurtherAttempts {
  /** Retries so far, not counting the free one. */
  retries = 0;
  isFreeRetryUsed = false;
  /** The attempt before failed before anything was sent. */
  isAfterNothing = false;
  readonly #budget: RetryBudget | null;
  /** When the attempt under way, or the one to come, was charged to the budget; null if it was not. */
  #chargedMs: number | null = null;

  /** @param budget null = the upstream allows no retries */
  constructor(budget: RetryBudget | null) {
    this.#budget = budget;
  }

  /** Charges the attempt to come to the budget. @returns false if nothing is left of it */
  charge(): boolean {
    this.#chargedMs = this.#budget?.take(this.isAfterNothing ? "nothing" : "work") ?? null;
    return this.#chargedMs !== null;
  }

  /**
   * The attempt under way is answered: it is over for the budget, and has cost nothing if it took the place of one that
   * reached nobody.
   */
  noteAnswer(status: number): void {
    if (this.#chargedMs !== null && this.isAfterNothing && status < 500) this.#budget!.giveBack(this.#chargedMs);
    this.end();
  }

  /** The attempt under way is over, or the one to come does not come. */
  end(): void {
    if (this.#chargedMs === null) return;
    this.#chargedMs = null;
    this.#budget!.end();
  }
}
