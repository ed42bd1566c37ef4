/** How long an answer is fresh (RFC 9111 section 4.2). */
import type { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";
import { dateOf } from "./age.ts";
import type { AnswerDirectives } from "./targeted-control.ts";
import type { CachePolicy, FetchTimes } from "./cache-policy.ts";
import { isHeuristicallyCacheable } from "./cacheable-status.ts";

/** What the freshness of an answer is worked out from. */
export interface FreshnessInputs {
  readonly status: number;
  readonly fields: Fields;
  readonly said: AnswerDirectives;
  readonly times: FetchTimes;
  readonly policy: CachePolicy;
}

/**
 * How long the answer is fresh from its birth on, as it says itself (RFC 9111 section 4.2.1); negative if it was born
 * stale. Null: it says nothing.
 */
export function explicitLifetimeMs({ fields, said, times }: FreshnessInputs): number | null {
  const seconds = said.directives.sharedMaxAgeSeconds ?? said.directives.maxAgeSeconds;
  if (seconds !== null) return seconds * 1000;
  const expires = said.isTargeted ? null : fields.value("expires");
  if (expires === null) return null;
  const expiresMs = parseHttpDate(expires, times.wallMs);
  // RFC 9111 section 5.3: what is no date, "0" above all, has passed.
  return expiresMs === null ? 0 : expiresMs - dateOf(fields, times.wallMs);
}

/**
 * What holds if the answer says nothing; null if nothing does. First what the operator says of its status, then a guess
 * (RFC 9111 section 4.2.2), if the operator wants guesses.
 */
export function guessedLifetimeMs({ status, fields, said, times, policy }: FreshnessInputs): number | null {
  const negativeMs = policy.negativeMs.get(status);
  if (negativeMs !== undefined) return negativeMs;
  const { heuristics } = policy;
  if (heuristics === null) return null;
  if (!isHeuristicallyCacheable(status) && !said.directives.isPublic) return null;
  const lastModified = fields.value("last-modified");
  const modifiedMs = lastModified === null ? null : parseHttpDate(lastModified, times.wallMs);
  if (modifiedMs === null) return null;
  const unchangedMs = dateOf(fields, times.wallMs) - modifiedMs;
  return unchangedMs <= 0 ? null : Math.min(unchangedMs * heuristics.fraction, heuristics.maxMs);
}
