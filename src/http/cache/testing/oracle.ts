/**
 * What RFC 9111, 5861 and 9213 allow a shared cache, written down from their text: each rule is one sentence of it, over
 * models of messages. It shares nothing with the rules that it judges: no parser, no arithmetic, no notion of a stored
 * answer. Slow, and meant to be read beside the RFCs.
 */
import type { AnswerModel, DirectiveModel, RequestModel } from "./message-models.ts";

/** An answer that was received, as the 304s since then have left it. Milliseconds since the epoch. */
export interface ReceivedAnswer {
  readonly request: RequestModel;
  readonly answer: AnswerModel;
  readonly requestMs: number;
  readonly responseMs: number;
}

/** What a cache is about to do with it, without asking anybody. */
export interface Reuse {
  readonly received: ReceivedAnswer;
  readonly request: RequestModel;
  readonly nowMs: number;
  /** Why it thinks that it may: the answer is fresh, or it is stale and there is a reason. */
  readonly reason: "fresh" | "max-stale" | "stale-while-revalidate" | "stale-if-error";
  /** What the operator allows where an answer says nothing, in seconds. */
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  /** The operator lets freshness be guessed. How long a guess may be is left open by RFC 9111: it is not judged here. */
  readonly guesses: boolean;
}

type Rule = (reuse: Reuse) => boolean;

const has = (directives: readonly DirectiveModel[], name: string): boolean =>
  directives.some((directive) => directive.name === name);

/** Section 4.2.1: of several, "either the first occurrence should be used or the response should be considered stale". */
const secondsOf = (directives: readonly DirectiveModel[], name: string): number | null => {
  const found = directives.find((directive) => directive.name === name);
  if (found === undefined) return null;
  // "Caches are encouraged to consider responses that have invalid freshness information … to be stale."
  return typeof found.argument === "number" ? found.argument : 0;
};

/** RFC 9213 section 2.2: a valid, non-empty targeted field is used instead of Cache-Control and Expires. */
const isTargeted = ({ answer }: ReceivedAnswer): boolean =>
  answer.targeted !== null && answer.targeted !== "malformed" && answer.targeted.length > 0;
const said = (received: ReceivedAnswer): readonly DirectiveModel[] =>
  isTargeted(received) ? (received.answer.targeted as readonly DirectiveModel[]) : received.answer.cacheControl;

const dateValue = ({ answer, responseMs }: ReceivedAnswer): number =>
  typeof answer.date === "number" ? answer.date : Math.floor(responseMs / 1000);

/** Section 4.2.1, in its order. null: only a heuristic may say how long it is fresh. */
function freshnessLifetime(received: ReceivedAnswer): number | null {
  const directives = said(received);
  const sharedMaxAge = secondsOf(directives, "s-maxage");
  if (sharedMaxAge !== null) return sharedMaxAge;
  const maxAge = secondsOf(directives, "max-age");
  if (maxAge !== null) return maxAge;
  const { expires } = received.answer;
  if (expires === null || isTargeted(received)) return null;
  return expires === "malformed" ? 0 : expires - dateValue(received);
}

/** Section 4.2.3, the names as there. */
export function currentAge(received: ReceivedAnswer, nowMs: number): number {
  const ageValue = typeof received.answer.age === "number" ? received.answer.age : 0;
  const responseTime = received.responseMs / 1000;
  const apparentAge = Math.max(0, Math.floor(responseTime) - dateValue(received));
  const responseDelay = (received.responseMs - received.requestMs) / 1000;
  const correctedAgeValue = ageValue + responseDelay;
  const correctedInitialAge = Math.max(apparentAge, correctedAgeValue);
  const residentTime = nowMs / 1000 - responseTime;
  return correctedInitialAge + residentTime;
}

/** Section 4.2.2: "a cache MUST NOT use heuristics … when an explicit expiration time is present", and which statuses. */
const heuristicStatuses = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];
const mayBeGuessed = (received: ReceivedAnswer): boolean =>
  heuristicStatuses.includes(received.answer.status) || has(said(received), "public");

export const isExplicitlyFresh = (received: ReceivedAnswer, nowMs: number): boolean => {
  const lifetime = freshnessLifetime(received);
  return lifetime !== null && lifetime > currentAge(received, nowMs);
};

const staleness = ({ received, nowMs, guesses }: Reuse): number => {
  const lifetime = freshnessLifetime(received);
  if (lifetime === null && guesses && mayBeGuessed(received)) return -1;
  return currentAge(received, nowMs) - (lifetime ?? 0);
};

/** What is fresh may be used for any reason that a stale one may be used for. */
const isFresh = (reuse: Reuse): boolean => reuse.reason === "fresh" || staleness(reuse) < 0;

/** Section 5.2.2.3: the statuses that a cache that understands RFC 9110 understands. */
const isUnderstood = (status: number): boolean => status < 599;

const cachesUnderstandIt = ({ received }: Reuse): boolean => isUnderstood(received.answer.status);

/** Section 3.5: a directive "that allows it to be stored by a shared cache". */
export const isForEverybody = (received: ReceivedAnswer): boolean =>
  said(received).some(
    ({ name, argument }) =>
      (["public", "must-revalidate"].includes(name) && argument === null) ||
      (name === "s-maxage" && typeof argument === "number"),
  );

/** The rules, each with the section that it stands in. */
const rules: readonly (readonly [section: string, rule: Rule])[] = [
  // Section 3, "A cache MUST NOT store a response to a request unless:"
  ["3: the request method is understood by the cache", ({ received }) => received.request.method === "GET"],
  ["3: the response status code is final", ({ received }) => received.answer.status >= 200],
  ["3: 206 and 304 only if the cache understands them", ({ received }) => ![206, 304].includes(received.answer.status)],
  [
    "5.2.2.3: must-understand wants a status that is understood",
    (reuse) => !has(said(reuse.received), "must-understand") || cachesUnderstandIt(reuse),
  ],
  [
    "3: no-store is not present in the response, unless must-understand takes its place",
    (reuse) =>
      !has(said(reuse.received), "no-store") ||
      (has(said(reuse.received), "must-understand") && cachesUnderstandIt(reuse)),
  ],
  ["5.2.1.5: no-store in the request", ({ received }) => !has(received.request.cacheControl, "no-store")],
  ["3: private is not present if the cache is shared", ({ received }) => !has(said(received), "private")],
  [
    "3.5: Authorization in the request, unless the response allows it",
    ({ received }) => !received.request.hasCredentials || isForEverybody(received),
  ],
  [
    "3: public, Expires, max-age, s-maxage or a status that may be guessed about",
    ({ received }) => freshnessLifetime(received) !== null || mayBeGuessed(received),
  ],
  // Section 4, "a cache MUST NOT reuse a stored response unless:"
  ["4: the request method allows it", ({ request }) => ["GET", "HEAD"].includes(request.method)],
  [
    "4.1: the fields that Vary names match",
    ({ received, request }) =>
      received.answer.vary !== "*" &&
      (received.answer.vary ?? []).every((name) => {
        const field = name.toLowerCase() as "a" | "b";
        return received.request[field] === request[field];
      }),
  ],
  [
    "5.2.2.4: no-cache without validation",
    ({ received }) => !said(received).some(({ name, argument }) => name === "no-cache" && !Array.isArray(argument)),
  ],
  ["5.2.1.4: no-cache in the request", ({ request }) => !has(request.cacheControl, "no-cache")],
  ["5.4: Pragma without Cache-Control", ({ request }) => request.cacheControl.length > 0 || !request.hasPragma],
  ["5.2.1.5: no-store in the request that is answered", ({ request }) => !has(request.cacheControl, "no-store")],
  [
    // "The client prefers": to an error it prefers what is older.
    "5.2.1.1: max-age in the request",
    ({ received, request, nowMs, reason }) =>
      reason === "stale-if-error" ||
      !has(request.cacheControl, "max-age") ||
      currentAge(received, nowMs) <= secondsOf(request.cacheControl, "max-age")!,
  ],
  [
    "5.2.1.3: min-fresh in the request",
    ({ received, request, nowMs, reason }) => {
      if (reason === "stale-if-error") return true;
      const minFresh = request.cacheControl.find(({ name }) => name === "min-fresh");
      if (minFresh === undefined || minFresh.argument === "malformed") return true;
      return (freshnessLifetime(received) ?? Infinity) - currentAge(received, nowMs) >= Number(minFresh.argument);
    },
  ],
  [
    "4.2: it is fresh, by what it says or, if that says nothing, by a guess",
    (reuse) => reuse.reason !== "fresh" || staleness(reuse) < 0,
  ],
  [
    "4.2.4: stale, although must-revalidate, proxy-revalidate or no-cache forbids it",
    (reuse) =>
      isFresh(reuse) || !["must-revalidate", "proxy-revalidate"].some((name) => has(said(reuse.received), name)),
  ],
  [
    // Read with RFC 5861: who writes both s-maxage and a time for stale use means both.
    "4.2.4: stale, although s-maxage forbids it and the response does not allow this use itself",
    (reuse) => isFresh(reuse) || !has(said(reuse.received), "s-maxage") || has(said(reuse.received), reuse.reason),
  ],
  [
    "5.2.1.2: max-stale allows less",
    (reuse) => {
      if (reuse.reason !== "max-stale") return true;
      const maxStale = reuse.request.cacheControl.find(({ name }) => name === "max-stale");
      if (maxStale === undefined) return false;
      return (
        maxStale.argument === null || (typeof maxStale.argument === "number" && staleness(reuse) <= maxStale.argument)
      );
    },
  ],
  [
    "RFC 5861 section 3: stale-while-revalidate has ended",
    (reuse) =>
      reuse.reason !== "stale-while-revalidate" ||
      staleness(reuse) < (secondsOf(said(reuse.received), "stale-while-revalidate") ?? reuse.staleWhileRevalidate),
  ],
  [
    "RFC 5861 section 4: stale-if-error has ended",
    (reuse) =>
      reuse.reason !== "stale-if-error" ||
      staleness(reuse) <
        Math.max(
          secondsOf(said(reuse.received), "stale-if-error") ?? reuse.staleIfError,
          secondsOf(reuse.request.cacheControl, "stale-if-error") ?? 0,
        ),
  ],
];

/** The rules that a reuse breaks; empty if it is allowed. */
export function brokenRules(reuse: Reuse): readonly string[] {
  return rules.filter(([, rule]) => !rule(reuse)).map(([section]) => section);
}

/** Section 3.2 and 4.3.4: the answer that a 304 has updated. */
export function updated(
  received: ReceivedAnswer,
  given: AnswerModel,
  requestMs: number,
  responseMs: number,
): ReceivedAnswer {
  const { answer } = received;
  return {
    request: received.request,
    requestMs,
    responseMs,
    answer: {
      status: answer.status,
      // RFC 9110 section 6.6.1: a message without Date was made when it was received.
      date: given.date,
      age: given.age,
      expires: given.expires ?? answer.expires,
      lastModified: given.lastModified ?? answer.lastModified,
      tag: answer.tag,
      cacheControl: given.cacheControl.length > 0 ? given.cacheControl : answer.cacheControl,
      targeted: given.targeted ?? answer.targeted,
      vary: given.vary ?? answer.vary,
      setsCookie: given.setsCookie || answer.setsCookie,
      x: given.x ?? answer.x,
    },
  };
}
