/** When it is tried again after failures in a row: soon at first, then rarely enough for the limits of any CA. */
import type { RandomSource } from "../base/random.ts";

const minuteMs = 60_000;
/** Never longer, whatever the CA says. */
export const longestRetryMs = 24 * 60 * minuteMs;
const delaysMs = [1, 2, 5, 15, 60, 180, 360].map((minutes) => minutes * minuteMs);

/** What the decision is about. */
export interface RetryFacts {
  /** Failures in a row, at least 1. */
  readonly count: number;
  /** What the CA said; null if nothing. */
  readonly retryAfterMs: number | null;
  /** Until the certificate that is there expires; null if there is none. */
  readonly remainingMs: number | null;
  readonly random: RandomSource;
}

/** Milliseconds to wait. */
export function decideRetryDelay({ count, retryAfterMs, remainingMs, random }: RetryFacts): number {
  const stepMs = delaysMs[Math.min(count, delaysMs.length) - 1] ?? minuteMs;
  // A certificate of a few days has no six hours to lose.
  const boundMs = remainingMs === null ? stepMs : Math.max(minuteMs, Math.min(stepMs, remainingMs / 10));
  return Math.min(Math.max(boundMs * (0.8 + 0.4 * random()), retryAfterMs ?? 0), longestRetryMs);
}
