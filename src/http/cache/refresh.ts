/** What a 304 does to the answer that was validated (RFC 9111 sections 3.2 and 4.3.4). */
import type { AnswerHead } from "../answer.ts";
import { Fields } from "../fields.ts";
import { toLowerAscii } from "../field-text.ts";
import type { CachePolicy, FetchTimes } from "./cache-policy.ts";
import { answerDirectives } from "./cdn-cache-control.ts";
import { entityTag, lastModified, matchesWeakly } from "./entity-tag.ts";
import type { StoredAnswer } from "./stored-answer.ts";
import { maxStoredHeadBytes, storedFields } from "./stored-fields.ts";
import { termsOf } from "./terms.ts";
import { varyNames } from "./vary.ts";

/**
 * The fields that are about the body as it is stored, which a 304 has not: they stay (RFC 9111 section 3.2). The tag
 * names that body, too; a 304 with another one is judged by `contradicts`.
 */
const aboutBody: ReadonlySet<string> = new Set([
  "content-length",
  "content-encoding",
  "content-range",
  "content-md5",
  "content-digest",
  "repr-digest",
  "digest",
  "etag",
]);

/**
 * The stored answer as `head`, a 304 to a request with its validators, leaves it; null if the 304 is not about it or
 * must not be taken: then it is fetched anew. The place (url, tags, purge sequence) stays.
 * @param times of the exchange that has brought the 304
 */
export function refreshed(
  answer: StoredAnswer,
  head: AnswerHead,
  times: FetchTimes,
  policy: CachePolicy,
): StoredAnswer | null {
  const stored = Fields.ofText(answer.fields);
  if (contradicts(stored, head.fields)) return null;
  const merged = merge(stored, head.fields);
  const said = answerDirectives(merged);
  const { directives } = said;
  // It may say now that it must not be stored.
  if ((directives.noStore && !directives.mustUnderstand) || directives.isPrivate) return null;
  if (!isSameList(varyNames(stored), varyNames(merged))) return null;
  const fields = storedFields(merged, directives, policy);
  if (fields.length > maxStoredHeadBytes) return null;
  const terms = termsOf({ status: answer.status, fields: merged, said, times, policy });
  return {
    ...answer,
    fields,
    bornMs: terms.bornMs,
    freshUntilMs: terms.freshUntilMs,
    staleWhileRevalidateUntilMs: terms.staleWhileRevalidateUntilMs,
    staleIfErrorUntilMs: terms.staleIfErrorUntilMs,
    mustRevalidate: terms.mustRevalidate,
    alwaysValidates: terms.alwaysValidates,
    isShared: terms.isShared,
  };
}

/** Is the 304 about another representation than the one that is stored? */
function contradicts(stored: Fields, given: Fields): boolean {
  const storedTag = entityTag(stored);
  const givenTag = entityTag(given);
  if (storedTag !== null && givenTag !== null) return !matchesWeakly(storedTag, givenTag);
  const storedDate = lastModified(stored);
  const givenDate = lastModified(given);
  return storedTag === null && storedDate !== null && givenDate !== null && storedDate !== givenDate;
}

/** `stored` with the fields of `given` in the place of those of the same name; Age, too, for the age is counted anew. */
function merge(stored: Fields, given: Fields): Fields {
  const names = new Set<string>();
  const { pairs } = given;
  for (let at = 0; at < pairs.length; at += 2) {
    const name = toLowerAscii(pairs[at]!);
    if (!aboutBody.has(name)) names.add(name);
  }
  return stored.without((name) => names.has(name)).plusText(given.without((name) => aboutBody.has(name)).text);
}

function isSameList(a: readonly string[] | null, b: readonly string[] | null): boolean {
  return a !== null && b !== null && a.length === b.length && a.every((member, index) => member === b[index]);
}
