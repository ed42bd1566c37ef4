/** Entity tags (RFC 9110 section 8.8.3). */
import type { Fields } from "../fields.ts";
import { isOws } from "../field-text.ts";
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

/** Does one of the tags of an If-None-Match list match `current` weakly? A malformed list matches nothing. */
export function listMatchesWeakly(list: string, current: string): boolean {
  let isFound = false;
  for (let at = 0; at < list.length; ) {
    const code = list.charCodeAt(at);
    if (code === comma || isOws(code)) {
      at++;
      continue;
    }
    member.lastIndex = at;
    const match = member.exec(list);
    if (match === null) return false;
    if (matchesWeakly(match[0], current)) isFound = true;
    at = member.lastIndex;
    while (at < list.length && isOws(list.charCodeAt(at))) at++;
    if (at < list.length && list.charCodeAt(at) !== comma) return false;
  }
  return isFound;
}

const comma = 44;
const member = /(?:W\/)?"[!\x23-\x7e\x80-\xff]*"/y;
