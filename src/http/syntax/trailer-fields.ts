/**
 * What may travel in a trailer section (RFC 9110 section 6.5.1). Endpoints and clients often merge trailers into the
 * header fields, after everybody who decides by those has looked at them: so nothing is let through that frames,
 * routes, authenticates, vouches for a client, sets or gives a cookie, steers caches or what is done with content, or
 * belongs to a connection. Everything else travels: validators (ETag), digests and signatures, Server-Timing, the
 * status of gRPC, and what applications make up.
 */
import { foldFieldName, isToken, listMembers, removeFields } from "../field-text.ts";
import { isSpecialName } from "./special-fields.ts";

const forbidden = new Set([
  // Who asks, and what for.
  "authorization",
  "www-authenticate",
  "cookie",
  "cookie2",
  "set-cookie",
  "set-cookie2",
  "origin",
  "referer",
  "user-agent",
  "x-method-override",
  "early-data",
  "cdn-loop",
  "max-forwards",
  "range",
  "accept-ranges",
  "priority",
  // What is done with the answer.
  "cache-control",
  "cdn-cache-control",
  "surrogate-control",
  "pragma",
  "age",
  "expires",
  "vary",
  "warning",
  "location",
  "refresh",
  "retry-after",
  "allow",
  "alt-svc",
  "clear-site-data",
  "strict-transport-security",
  "referrer-policy",
  "permissions-policy",
  "x-frame-options",
  "x-xss-protection",
  "x-sendfile",
]);
const forbiddenPrefixes = [
  "accept-",
  "access-control-",
  "authentication-",
  "content-",
  "cross-origin-",
  "if-",
  "sec-",
  "x-accel-",
  "x-content-",
  "x-http-",
  "x-original-",
  "x-rewrite-",
];
/** Of the fields about content, those that can only be known at its end (RFC 9530). */
const digests = new Set(["content-digest", "content-md5"]);

/**
 * May the field `name` (in lower case) stand in a trailer section? Another spelling that some endpoint takes for a
 * forbidden name is forbidden, too.
 */
export function isTrailerName(name: string): boolean {
  const folded = foldFieldName(name);
  if (isSpecialName(folded) || forbidden.has(folded)) return false;
  return digests.has(folded) || !forbiddenPrefixes.some((prefix) => folded.startsWith(prefix));
}

/** The lines of a trailer section that may travel. */
export function travellingTrailers(section: string): string {
  return removeFields(section, (name) => !isTrailerName(name));
}

/**
 * The Trailer line that announces what may travel of `value`, which a peer has announced; empty if that is nothing.
 */
export function trailerLine(value: string, nominated: ReadonlySet<string>): string {
  const travels = (name: string): boolean => isToken(name) && isTrailerName(name) && !nominated.has(name);
  const names = listMembers(value);
  if (names.length > 0 && names.every(travels)) return `Trailer: ${value}\r\n`;
  const kept = names.filter(travels);
  return kept.length === 0 ? "" : `Trailer: ${kept.join(", ")}\r\n`;
}
