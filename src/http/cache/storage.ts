/** Which answers are stored (RFC 9111 section 3). Everything that may not be, or whose meaning is in doubt, is not. */
import type { AnswerHead } from "../answer.ts";
import { Framing, type ReceivedRequest } from "../message.ts";
import { type CacheDirectives, requestDirectives } from "./cache-control.ts";
import type { CachePolicy, FetchTimes } from "./cache-policy.ts";
import { isAboutOneRequest, isHeuristicallyCacheable, isUnderstood } from "./cacheable-status.ts";
import { answerDirectives } from "./targeted-control.ts";
import { hasValidator } from "./entity-tag.ts";
import type { AnswerParts } from "./stored-answer.ts";
import { maxStoredHeadBytes, storedFields } from "./stored-fields.ts";
import { storedTerms, type Terms, termsOf } from "./terms.ts";
import { varyNames } from "./vary.ts";

/** Is the answer stored? */
export type Storage =
  | {
      readonly isStored: true;
      readonly answer: AnswerParts;
      /** The fields that Vary names, in lower case, sorted; empty if it names none. */
      readonly varyNames: readonly string[];
    }
  | { readonly isStored: false; readonly why: Refusal };

/** Why an answer is not stored. */
export type Refusal =
  | "method"
  | "request-body"
  | "request-no-store"
  | "own-answer"
  | "status"
  | "no-store"
  | "private"
  | "authorization"
  | "set-cookie"
  | "vary-star"
  | "partial"
  | "trailers"
  | "no-freshness"
  | "head-too-large";

/** What of a request decides about storage. */
export type StorageRequest = Pick<ReceivedRequest, "method" | "framing" | "field">;

/**
 * Decides whether the answer `head` to `request` is stored, and on which terms. That its body is whole is for others to
 * see: it is known at its end.
 * @param request as the client sent it
 */
export function judgeStorage(
  request: StorageRequest,
  head: AnswerHead,
  times: FetchTimes,
  policy: CachePolicy,
): Storage {
  const { status, fields } = head;
  const said = answerDirectives(fields);
  const why =
    refusedRequest(request, policy) ??
    refusedHead(head, said.directives, policy) ??
    refusedUser(request, said.directives, policy);
  if (why !== null) return refuse(why);
  const names = varyNames(fields);
  if (names === null) return refuse("vary-star");
  const terms = termsOf({ status, fields, said, times, policy });
  if (!hasPermission(status, terms) || !isOfUse(head, terms, times.responseMs)) return refuse("no-freshness");
  if (mayBeOneUsers(request, said.directives, terms)) return refuse("no-freshness");
  const kept = storedFields(fields, said.directives, policy, times);
  return kept.length > maxStoredHeadBytes
    ? refuse("head-too-large")
    : { isStored: true, varyNames: names, answer: toParts(head, kept, terms) };
}

const refuse = (why: Refusal): Storage => ({ isStored: false, why });

function refusedRequest(request: StorageRequest, policy: CachePolicy): Refusal | null {
  // Answers to HEAD have no body to store.
  if (request.method !== "GET") return "method";
  // The answer may follow from the body, which is in no key.
  if (request.framing !== Framing.none) return "request-body";
  return policy.requestDirectives === "honor" && requestDirectives(request).noStore ? "request-no-store" : null;
}

function refusedHead(head: AnswerHead, directives: CacheDirectives, policy: CachePolicy): Refusal | null {
  const { status, fields } = head;
  if (head.from !== "endpoint") return "own-answer";
  if (status < 200 || status === 304 || head.tunnel !== null) return "status";
  if (status === 206) return "partial";
  if (isAboutOneRequest(status)) return "status";
  const forbidden = forbiddenBy(directives, status);
  if (forbidden !== null) return forbidden;
  // Content-Range means nothing beside this status (RFC 9110 section 14.4), but what says that it is a part may be one.
  if (/^bytes\b/i.test(fields.value("content-range") ?? "")) return "partial";
  if (fields.value("trailer") !== null) return "trailers";
  const setsCookie = (fields.value("set-cookie") ?? fields.value("set-cookie2")) !== null;
  return setsCookie && policy.setCookie === "refuse" ? "set-cookie" : null;
}

/** What the answer itself says against being stored, when it comes or when a 304 updates it; null = nothing. */
export function forbiddenBy(directives: CacheDirectives, status: number): "status" | "no-store" | "private" | null {
  if (directives.mustUnderstand && !isUnderstood(status)) return "status";
  // For those who know the status must-understand takes the place of no-store (RFC 9111 section 5.2.2.3).
  if (directives.noStore && !directives.mustUnderstand) return "no-store";
  return directives.isPrivate ? "private" : null;
}

/** RFC 9111 section 3.5. */
function refusedUser(request: StorageRequest, directives: CacheDirectives, policy: CachePolicy): Refusal | null {
  if (policy.authorization === "share" || directives.isShared || request.field("authorization") === null) return null;
  return "authorization";
}

/**
 * May it be stored for what it says of freshness (RFC 9111 section 3, last item)? What is no success is stored for what
 * it says, or for what the operator says of it, not to be asked about each time.
 */
export function hasPermission(status: number, { freshness }: Terms): boolean {
  return freshness !== "none" || (status < 400 && isHeuristicallyCacheable(status));
}

/**
 * What says nothing of caching may be made for the user whom the cookie names. It would not be used unasked, but an
 * origin that compares nothing but Last-Modified would tell another user that it holds.
 */
function mayBeOneUsers(request: StorageRequest, { noCache, isShared }: CacheDirectives, { freshness }: Terms): boolean {
  return freshness === "none" && !noCache && !isShared && request.field("cookie") !== null;
}

/** Can it be used at least once? */
function isOfUse(head: AnswerHead, terms: Terms, nowMs: number): boolean {
  if (hasValidator(head.fields)) return true;
  if (terms.alwaysValidates) return false;
  return Math.max(terms.freshUntilMs, terms.staleWhileRevalidateUntilMs, terms.staleIfErrorUntilMs) > nowMs;
}

function toParts(head: AnswerHead, fields: string, terms: Terms): AnswerParts {
  return {
    status: head.status,
    reasonPhrase: head.reasonPhrase,
    fields,
    bodyBytes: head.body === "unknown" ? null : head.body,
    ...storedTerms(terms),
  };
}
