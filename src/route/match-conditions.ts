/**
 * The matchers of a route beyond host and path: listener, method, header, query, cookie, client address. Compiled once; asked
 * only for routes whose host and path fit. A value of `*` asks only that the thing is there.
 */
import { findCookie } from "../http/cookie.ts";
import type { Exchange } from "../http/exchange.ts";
import { toLowerAscii } from "../http/field-text.ts";
import { compileReceivedField } from "../http/sent-fields.ts";
import { AddressSet } from "../net/address-set.ts";
import type { RouteMatch } from "./route-match.ts";

/** One compiled matcher. */
export interface Condition {
  holds(exchange: Exchange): boolean;
}

/** The matchers of `match` beyond host and path, the cheap ones first; their number counts for specificity. */
export function compileConditions(match: RouteMatch): Condition[] {
  const conditions: Condition[] = [];
  if (match.listener !== undefined && match.listener.length > 0) {
    const listeners = new Set(match.listener);
    conditions.push({ holds: ({ listenerName }) => listeners.has(listenerName) });
  }
  if (match.method !== undefined && match.method.length > 0) conditions.push(methodCondition(match.method));
  for (const [name, value] of Object.entries(match.query ?? {}))
    conditions.push({ holds: ({ request }) => hasQueryPair(request.query, name, value) });
  for (const [name, value] of Object.entries(match.header ?? {}))
    conditions.push(headerCondition(toLowerAscii(name), value));
  for (const [name, value] of Object.entries(match.cookie ?? {})) conditions.push(cookieCondition(name, value));
  if (match.clientIp !== undefined && match.clientIp.length > 0) {
    const addresses = new AddressSet(match.clientIp);
    conditions.push({ holds: ({ clientIp }) => addresses.has(clientIp) });
  }
  return conditions;
}

/** Methods are case-sensitive (RFC 9110 section 9.1), and GET does not stand for HEAD. */
function methodCondition(methods: readonly string[]): Condition {
  return { holds: ({ request }) => methods.includes(request.method) };
}

function headerCondition(name: string, expected: string): Condition {
  const read = compileReceivedField(name);
  if (expected === "*") return { holds: (exchange) => read(exchange) !== null };
  return { holds: (exchange) => read(exchange) === expected };
}

const readCookies = compileReceivedField("cookie");

/** Compared as received (RFC 6265 section 4.2.1); any of several cookies of the name will do. */
function cookieCondition(name: string, expected: string): Condition {
  const isFitting = (value: string): true | null => (expected === "*" || value === expected ? true : null);
  return { holds: (exchange) => findCookie(readCookies(exchange), name, isFitting) !== null };
}

/**
 * Is there a pair `name=expected` in the query? Names and values are compared decoded (`+` is a space); if a name is
 * repeated, any of its values will do.
 */
function hasQueryPair(query: string, name: string, expected: string): boolean {
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand === -1 ? query.length : ampersand;
    // Looked for within the pair alone: a query without "=" must not be walked to its end for each pair.
    let nameEnd = start;
    while (nameEnd < end && query.charCodeAt(nameEnd) !== 61) nameEnd++;
    if (
      end > start &&
      decodeForm(query.slice(start, nameEnd)) === name &&
      (expected === "*" || decodeForm(query.slice(nameEnd + 1, end)) === expected)
    )
      return true;
    start = end + 1;
  }
  return false;
}

/** Decodes form encoding; text with broken escapes stays as it is. */
function decodeForm(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
