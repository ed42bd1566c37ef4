/**
 * Decides when results of checks change an endpoint's health. The first result decides at once, so that a proxy that
 * starts beside a dead endpoint does not need `fall` rounds to see it. Afterwards it takes `rise` successes or `fall`
 * failures in a row, so that one lost answer changes nothing.
 */

/** How many results in a row change the health, both at least 1. */
export interface HealthThresholds {
  readonly rise: number;
  readonly fall: number;
}

/** What one series of checks has seen. Pure state: no time, no input or output. */
export class HealthJudge {
  #verdict: boolean | null = null;
  /** Results in a row that contradict the verdict. */
  #contrary = 0;

  /** Is the endpoint healthy? Null before the first result. */
  get isHealthy(): boolean | null {
    return this.#verdict;
  }

  /** Some results contradict the verdict, but not yet enough to change it: check again soon. */
  get isWavering(): boolean {
    return this.#contrary > 0;
  }

  /** Takes a result into account. @returns the verdict after it. */
  judge(isSuccess: boolean, thresholds: HealthThresholds): boolean {
    if (this.#verdict === null) this.#verdict = isSuccess;
    else if (isSuccess === this.#verdict) this.#contrary = 0;
    else if (++this.#contrary >= (isSuccess ? thresholds.rise : thresholds.fall)) {
      this.#verdict = isSuccess;
      this.#contrary = 0;
    }
    return this.#verdict;
  }
}
