/** What a 304 does to the answer that was validated (RFC 9111 sections 3.2, 4.3.3 and 4.3.4). */
import type { AnswerHead } from "../answer.ts";
import { toLowerAscii } from "../field-text.ts";
import { Fields } from "../fields.ts";
import type { CachePolicy, FetchTimes } from "./cache-policy.ts";
import { answerDirectives } from "./targeted-control.ts";
import { entityTag, lastModified, matchesWeakly } from "./entity-tag.ts";
import { forbiddenBy, hasPermission } from "./storage.ts";
import type { StoredAnswer } from "./stored-answer.ts";
import { maxStoredHeadBytes, storedFields } from "./stored-fields.ts";
import { storedTerms, termsOf } from "./terms.ts";
import { varyNames } from "./vary.ts";

/**
 * The fields that are about the body as it is stored, which a 304 does not have: they stay (RFC 9111 section 3.2). The
 * tag names that body, too; what a 304 with another one means is for `isAboutAnother`.
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
 * The stored answer as `head` leaves it, a 304 to a request with the validators of `answer`; null if the 304 is about
 * another answer, or if what it says forbids to keep this one: then the answer is fetched anew, without conditions. The
 * body stays, and so do `url`, `tags` and `purgeSequence`.
 * @param times of the exchange that has brought the 304
 */
export function refreshed(
  answer: StoredAnswer,
  head: AnswerHead,
  times: FetchTimes,
  policy: CachePolicy,
): StoredAnswer | null {
  const stored = Fields.ofText(answer.fields);
  if (isAboutAnother(stored, head.fields)) return null;
  const merged = merge(stored, head.fields);
  const said = answerDirectives(merged);
  if (forbiddenBy(said.directives, answer.status) !== null || !isSameToStore(stored, merged, policy)) return null;
  const fields = storedFields(merged, said.directives, policy, times);
  if (fields.length > maxStoredHeadBytes) return null;
  const terms = termsOf({ status: answer.status, fields: merged, said, times, policy });
  if (!hasPermission(answer.status, terms)) return null;
  // Whoever is asked for it with credentials may say something new for that user alone (RFC 9111 section 3.5).
  if (answer.isShared && !terms.isShared) return null;
  return {
    ...answer,
    fields,
    ...storedTerms(terms),
  };
}

/**
 * Is the 304 about another representation than the one that is stored? It answers a request that named the stored one
 * alone, so that another tag contradicts the 304 itself. Some servers send it all the same, as Apache does for what
 * mod_deflate has compressed: if nothing else differs, the 304 is taken and its tag is not.
 */
function isAboutAnother(stored: Fields, given: Fields): boolean {
  const storedTag = entityTag(stored);
  const givenTag = entityTag(given);
  if (storedTag !== null && givenTag !== null) {
    if (matchesWeakly(storedTag, givenTag)) return false;
    return namesBody.some((name) => differs(stored.value(name), given.value(name)));
  }
  return storedTag === null && differs(lastModified(stored), lastModified(given));
}

const namesBody = ["last-modified", "content-location", "content-encoding", "content-type", "content-language"];

/** Does the 304 have another value? What it leaves out is the same. */
const differs = (stored: string | null, given: string | null): boolean => given !== null && given !== stored;

/** `stored` with the fields of `given` in the place of those of the same name. Age counts, too: the age begins anew. */
function merge(stored: Fields, given: Fields): Fields {
  // A stored Date would make the answer as old as it was (RFC 9110 section 6.6.1: without one, it was made now).
  const names = new Set(["date"]);
  const { pairs } = given;
  for (let at = 0; at < pairs.length; at += 2) names.add(toLowerAscii(pairs[at]!));
  for (const name of aboutBody) names.delete(name);
  return stored.without((name) => names.has(name)).plusText(given.without((name) => aboutBody.has(name)).text);
}

/** Would the answer with these fields be stored, and under the same key? */
function isSameToStore(stored: Fields, merged: Fields, policy: CachePolicy): boolean {
  const setsCookie = (merged.value("set-cookie") ?? merged.value("set-cookie2")) !== null;
  if (setsCookie && policy.setCookie === "refuse") return false;
  const names = varyNames(merged);
  return names !== null && names.join() === varyNames(stored)?.join();
}
