/**
 * On which terms an answer is used: until when it is fresh, until when it may be used stale and for what, and whether it
 * must be validated. Worked out when it is stored and when a 304 refreshes it, so that a hit compares numbers only.
 */
import { bornAt } from "./age.ts";
import { explicitLifetimeMs, type FreshnessInputs, guessedLifetimeMs } from "./freshness.ts";
import type { AnswerParts } from "./stored-answer.ts";

/** The terms as they are stored. */
export type StoredTerms = Pick<
  AnswerParts,
  | "bornMs"
  | "freshUntilMs"
  | "staleWhileRevalidateUntilMs"
  | "staleIfErrorUntilMs"
  | "mustRevalidate"
  | "alwaysValidates"
  | "isShared"
>;

/** The terms, and what they stand on. */
export interface Terms extends StoredTerms {
  /** `said`: by the answer itself; `guessed`: by the operator's options; `none`: it is stale from the beginning. */
  readonly freshness: "said" | "guessed" | "none";
}

/** What of the terms is stored with the answer. */
export function storedTerms({ freshness: _freshness, ...terms }: Terms): StoredTerms {
  return terms;
}

/** Works the terms of an answer out. */
export function termsOf(inputs: FreshnessInputs): Terms {
  const { fields, said, times, policy } = inputs;
  const { directives } = said;
  const explicitMs = explicitLifetimeMs(inputs);
  const lifetimeMs = explicitMs ?? guessedLifetimeMs(inputs);
  const bornMs = bornAt(fields, times);
  const freshUntilMs = bornMs + (lifetimeMs ?? 0);
  // RFC 9111 section 4.2.4 forbids any use of a stale answer to these, whatever else is said.
  const isNeverStale = directives.mustRevalidate || directives.noCache;
  const mustRevalidate = isNeverStale || directives.sharedMaxAgeSeconds !== null;
  const hasDefaults = !mustRevalidate && lifetimeMs !== null;
  // It may be about a user whom only a cookie names: no client gets it unasked, whatever the client says (max-stale).
  const saysNothing =
    lifetimeMs === null && directives.staleWhileRevalidateSeconds === null && directives.staleIfErrorSeconds === null;
  const staleMs = (seconds: number | null, defaultMs: number): number =>
    isNeverStale ? 0 : seconds !== null ? seconds * 1000 : hasDefaults ? defaultMs : 0;
  return {
    bornMs,
    freshUntilMs,
    staleWhileRevalidateUntilMs:
      freshUntilMs + staleMs(directives.staleWhileRevalidateSeconds, policy.staleWhileRevalidateMs),
    staleIfErrorUntilMs: freshUntilMs + staleMs(directives.staleIfErrorSeconds, policy.staleIfErrorMs),
    mustRevalidate,
    alwaysValidates: directives.noCache || saysNothing,
    isShared: directives.isShared || policy.authorization === "share",
    freshness: explicitMs !== null ? "said" : lifetimeMs !== null ? "guessed" : "none",
  };
}
