/** Entity tags (RFC 9110 section 8.8.3). */
import type { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";

const tag = /^(?:W\/)?"[!\x23-\x7e\x80-\xff]*"$/;

/** Is `text` an entity tag, weak or strong? */
export const isEntityTag = (text: string): boolean => tag.test(text);

/** Is it a strong one? */
export const isStrongTag = (text: string): boolean => text.startsWith('"') && isEntityTag(text);

/** The entity tag of an answer; null if there is none or it is malformed. */
export function entityTag(fields: Fields): string | null {
  const value = fields.value("etag");
  return value !== null && isEntityTag(value) ? value : null;
}

/** Weak comparison: the same but for `W/` (RFC 9110 section 8.8.3.2). */
export function matchesWeakly(a: string, b: string): boolean {
  return opaqueTag(a) === opaqueTag(b);
}

const opaqueTag = (text: string): string => (text.startsWith("W/") ? text.slice(2) : text);

/** The Last-Modified of an answer as it was written; null if there is none or it is no date. */
export function lastModified(fields: Fields): string | null {
  const value = fields.value("last-modified");
  return value !== null && parseHttpDate(value, 0) !== null ? value : null;
}

/** Is there something by which its origin can say whether it has changed? */
export function hasValidator(fields: Fields): boolean {
  return entityTag(fields) !== null || lastModified(fields) !== null;
}

/** Does one of the tags of an If-None-Match or If-Match list match `current` weakly? A malformed list matches nothing. */
export function listMatchesWeakly(list: string, current: string): boolean {
  member.lastIndex = 0;
  let isFound = false;
  for (;;) {
    const match = member.exec(list);
    if (match === null) return false;
    if (match[1] !== undefined && matchesWeakly(match[1], current)) isFound = true;
    if (match[2] === "") return isFound;
  }
}

/** One member, which may be empty, and what follows it: a comma or the end. */
const member = /[\t ]*((?:W\/)?"[!\x23-\x7e\x80-\xff]*")?[\t ]*(,|$)/y;
