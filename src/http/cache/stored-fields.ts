/** Which fields of an answer are stored (RFC 9111 section 3.1). */
import type { Fields } from "../fields.ts";
import { parseHttpDate } from "../http-date.ts";
import type { CacheDirectives } from "./cache-control.ts";
import type { CachePolicy, FetchTimes } from "./cache-policy.ts";

/** A stored head is never larger, whatever updates it. */
export const maxStoredHeadBytes = 64 * 1024;

/**
 * Never stored: what is worked out for each answer that is given (Age, Content-Length), what was for one client or one
 * connection. Most of them never come so far; those that Connection names do not, either (`http/syntax/`).
 */
const neverStored: ReadonlySet<string> = new Set([
  "age",
  "connection",
  "content-length",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "proxy-support",
  "persistent-auth",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The lines of `fields` that are stored, and Date if they have none that can be read: when the answer came (RFC 9110
 * section 6.6.1).
 * @param directives what the answer says of caching
 */
export function storedFields(
  fields: Fields,
  directives: CacheDirectives,
  policy: CachePolicy,
  { wallMs }: FetchTimes,
): string {
  const date = fields.value("date");
  const isDated = date !== null && parseHttpDate(date, wallMs) !== null;
  const kept = fields.without(
    (name) =>
      neverStored.has(name) ||
      directives.noCacheNames.includes(name) ||
      (!isDated && name === "date") ||
      (policy.setCookie === "refuse" && (name === "set-cookie" || name === "set-cookie2")),
  );
  return isDated ? kept.text : `Date: ${new Date(wallMs).toUTCString()}\r\n${kept.text}`;
}
