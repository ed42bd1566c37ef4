/**
 * What a store does for rate limits. An implementation answers every question once, in time, also when the other side
 * is silent.
 */

/** What was decided about one request. If it is reused by who gives it, it says so. */
export interface LimitDecision {
  isAdmitted: boolean;
  /** How many more would pass right now. */
  remaining: number;
  /** Milliseconds until one more would pass than now: for a refused request, until it would. */
  waitMs: number;
}

/** The numbers of a limit. */
export interface LimitNumbers {
  /** The time of one request. */
  readonly intervalNs: number;
  /** The time of the whole burst. */
  readonly windowNs: number;
}

/** Buckets that several instances share. */
export interface LimitStore {
  /**
   * Decides about one request of `key`, and counts it if it passes.
   * @param done called exactly once, at once or later; null = there was no answer in time
   */
  take(key: string, limit: LimitNumbers, done: (decision: LimitDecision | null) => void): void;
}

/**
 * Where the counts of a limit are: in a store that is asked about each request, or `exchanged`, which is in this process,
 * and told to others through the store once in a while (`exchange/count-exchange.ts`).
 */
export type LimitPlace = LimitStore | "exchanged";
