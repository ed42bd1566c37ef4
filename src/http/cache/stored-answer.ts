/**
 * An answer as caches keep it: everything but its body and its key. Made by `judgeStorage` (storage.ts) and `refreshed`
 * (refresh.ts), kept by stores, read on every hit: whatever a hit needs is worked out before.
 *
 * Times are milliseconds on the steady wall clock: the time of day when the process started and what has passed since, so
 * that a clock which is set neither prolongs nor ends anything.
 */

/** An answer as it is stored: everything but its body. */
export interface StoredAnswer {
  /** 0 for a variants record. */
  readonly status: number;
  readonly reasonPhrase: string;
  /** End-to-end lines, `name: value\r\n` each, latin1; without Age and without what must not be stored. */
  readonly fields: string;
  /** null: not known yet (a draft that grows without Content-Length). */
  readonly bodyBytes: number | null;
  /** When it was made at its origin, as far as can be told (RFC 9111 section 4.2.3): its age is the time since. */
  readonly bornMs: number;
  /** It is fresh before this. */
  readonly freshUntilMs: number;
  /** It may be served stale before this, while it is validated behind (RFC 5861 section 3). */
  readonly staleWhileRevalidateUntilMs: number;
  /** It may be served stale before this if its origin fails (RFC 5861 section 4). */
  readonly staleIfErrorUntilMs: number;
  /** must-revalidate, proxy-revalidate or s-maxage: it is never used stale (RFC 9111 section 4.2.4). */
  readonly mustRevalidate: boolean;
  /** no-cache (RFC 9111 section 5.2.2.4), or nothing said of its freshness: it is validated before each use. */
  readonly alwaysValidates: boolean;
  /** public, s-maxage or must-revalidate: it may answer requests with Authorization (RFC 9111 section 3.5). */
  readonly isShared: boolean;
  /** `scheme://authority/path?query`, as purges name it. */
  readonly url: string;
  readonly tags: readonly string[];
  /** That of the purge log when its fetch began. */
  readonly purgeSequence: number;
  /** Not null: a variants record, without a body. */
  readonly variants: readonly Variants[] | null;
}

/** The answers that were chosen by the values of the same fields of requests (Vary). */
export interface Variants {
  /** In lower case, sorted. */
  readonly names: readonly string[];
  /** Where each variant is stored. */
  readonly keys: readonly string[];
}

/** What the rules say of an answer that is to be stored; the rest is known to who stores it. */
export type AnswerParts = Omit<StoredAnswer, "url" | "tags" | "purgeSequence" | "variants">;

/** What a stored answer is known by. */
export type AnswerPlace = Pick<StoredAnswer, "url" | "tags" | "purgeSequence">;

/** The answer made of both, ready for a store. */
export function toStoredAnswer(parts: AnswerParts, place: AnswerPlace): StoredAnswer {
  return {
    status: parts.status,
    reasonPhrase: parts.reasonPhrase,
    fields: parts.fields,
    bodyBytes: parts.bodyBytes,
    bornMs: parts.bornMs,
    freshUntilMs: parts.freshUntilMs,
    staleWhileRevalidateUntilMs: parts.staleWhileRevalidateUntilMs,
    staleIfErrorUntilMs: parts.staleIfErrorUntilMs,
    mustRevalidate: parts.mustRevalidate,
    alwaysValidates: parts.alwaysValidates,
    isShared: parts.isShared,
    url: place.url,
    tags: place.tags,
    purgeSequence: place.purgeSequence,
    variants: null,
  };
}

/** The same with the length of its body, which the end has told. */
export function withBodyBytes(answer: StoredAnswer, bodyBytes: number): StoredAnswer {
  return answer.bodyBytes === bodyBytes ? answer : { ...answer, bodyBytes };
}

/**
 * The same, stale from `nowMs` on if it is still fresh then: what a soft purge makes of it. How long it may be used stale
 * is what its origin has said, from then on.
 */
export function staleFrom(answer: StoredAnswer, nowMs: number): StoredAnswer {
  const earlierMs = answer.freshUntilMs - nowMs;
  if (earlierMs <= 0) return answer;
  return {
    ...answer,
    freshUntilMs: nowMs,
    staleWhileRevalidateUntilMs: answer.staleWhileRevalidateUntilMs - earlierMs,
    staleIfErrorUntilMs: answer.staleIfErrorUntilMs - earlierMs,
  };
}
