/** Whether a stored answer may be used for a request, and how (RFC 9111 sections 4 and 5.2.1, RFC 5861). */
import { Fields } from "../fields.ts";
import { type CacheDirectives, noDirectives } from "./cache-control.ts";
import { hasValidator } from "./entity-tag.ts";
import { answerDirectives } from "./targeted-control.ts";
import type { StoredAnswer } from "./stored-answer.ts";

/**
 * What is done with a stored answer:
 * - `fresh`: it is the answer;
 * - `stale-allowed`: it is stale, and the client takes it all the same (max-stale);
 * - `revalidate-behind`: it is the answer, and is validated behind it (stale-while-revalidate);
 * - `validate`: the origin is asked whether it still holds, with its validators if it has any;
 * - `unusable`: the answer is fetched as if nothing were stored.
 */
export type Use = "fresh" | "stale-allowed" | "revalidate-behind" | "validate" | "unusable";

/**
 * Decides about a stored answer whose key and variant are those of the request.
 * @param directives those of the request; `noDirectives` if the operator ignores them
 */
export function judgeUse(answer: StoredAnswer, directives: CacheDirectives, nowMs: number): Use {
  if (answer.variants !== null) return "unusable";
  if (directives === noDirectives) {
    if (nowMs < answer.freshUntilMs && !answer.alwaysValidates) return "fresh";
    if (nowMs < answer.staleWhileRevalidateUntilMs && !answer.alwaysValidates) return "revalidate-behind";
    return toBeFetched(answer, nowMs);
  }
  if (directives.noStore) return "unusable";
  if (directives.noCache || answer.alwaysValidates) return toBeFetched(answer, nowMs);
  // RFC 9111 section 5.2.1: what the client demands holds for whatever it is given.
  const ageMs = nowMs - answer.bornMs;
  const isTooOld = directives.maxAgeSeconds !== null && ageMs > directives.maxAgeSeconds * 1000;
  const leftMs = answer.freshUntilMs - nowMs;
  if (!isTooOld && leftMs > 0 && leftMs >= (directives.minFreshSeconds ?? 0) * 1000) return "fresh";
  if (isTooOld || directives.minFreshSeconds !== null) return toBeFetched(answer, nowMs);
  if (directives.maxStaleSeconds !== null && !answer.mustRevalidate && -leftMs < directives.maxStaleSeconds * 1000)
    return "stale-allowed";
  return nowMs < answer.staleWhileRevalidateUntilMs ? "revalidate-behind" : toBeFetched(answer, nowMs);
}

/** What has no validator is worth keeping only as long as it may stand in for an origin that fails. */
function toBeFetched(answer: StoredAnswer, nowMs: number): Use {
  if (nowMs < answer.staleIfErrorUntilMs) return "validate";
  return hasValidator(Fields.ofText(answer.fields)) ? "validate" : "unusable";
}

/**
 * May a stale answer take the place of an error of its origin: no answer, or 500, 502, 503 or 504 (RFC 5861 section 4)?
 * Its terms have been worked out so that nothing that forbids stale answers comes to a yes.
 * @param directives those of the request
 */
export function mayStandInForError(answer: StoredAnswer, directives: CacheDirectives, nowMs: number): boolean {
  if (answer.alwaysValidates || directives.noStore || directives.noCache) return false;
  const staleIfErrorMs = (directives.staleIfErrorSeconds ?? 0) * 1000;
  const untilMs = answer.mustRevalidate
    ? answer.staleIfErrorUntilMs
    : Math.max(answer.staleIfErrorUntilMs, answer.freshUntilMs + staleIfErrorMs);
  return nowMs < untilMs;
}

/**
 * May an answer that has just come be given to others who have waited for it? It may if it can be used without asking,
 * and, because they have waited, if it says `max-age=0`. What says nothing of its freshness, or that it must be validated
 * before it is used again, is for the request that has fetched it: it may be about a user whom only a cookie names.
 */
export function isForThoseWhoWait(answer: StoredAnswer, nowMs: number): boolean {
  if (answer.alwaysValidates) return false;
  if (nowMs < answer.freshUntilMs || nowMs < answer.staleWhileRevalidateUntilMs) return true;
  if (answer.mustRevalidate) return false;
  return answerDirectives(Fields.ofText(answer.fields)).directives.maxAgeSeconds !== null;
}

/** Is it a status that a stale answer may take the place of? */
export function isErrorToStandInFor(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504;
}
