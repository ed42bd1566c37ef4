/**
 * The matchers of a route beyond host and path: method, header, query, cookie, client address. Compiled once; asked only for routes whose host and path fit.
 * A value of `*` asks only that the thing is there.
 */
import { toLowerAscii } from "../http/fields.ts";
import { AddressSet } from "../net/address-set.ts";
import type { RouteMatch, RouteRequest } from "./route-match.ts";

/** One compiled matcher. */
export interface Condition {
  holds(request: RouteRequest, clientIp: string): boolean;
}

/** The matchers of `match` beyond host and path, the cheap ones first; their number counts for specificity. */
export function compileConditions(match: RouteMatch): Condition[] {
  const conditions: Condition[] = [];
  if (match.method !== undefined && match.method.length > 0) conditions.push(methodCondition(match.method));
  for (const [name, value] of Object.entries(match.query ?? {})) conditions.push({ holds: (request) => hasQueryPair(request.query, name, value) });
  for (const [name, value] of Object.entries(match.header ?? {})) conditions.push(headerCondition(toLowerAscii(name), value));
  for (const [name, value] of Object.entries(match.cookie ?? {})) conditions.push({ holds: (request) => hasCookie(request.field("cookie"), name, value) });
  if (match.clientIp !== undefined && match.clientIp.length > 0) {
    const addresses = new AddressSet(match.clientIp);
    conditions.push({ holds: (_request, clientIp) => addresses.has(clientIp) });
  }
  return conditions;
}

/** Methods are case-sensitive (RFC 9110 section 9.1), and GET does not stand for HEAD. */
function methodCondition(methods: readonly string[]): Condition {
  return { holds: (request) => methods.includes(request.method) };
}

function headerCondition(name: string, expected: string): Condition {
  if (expected === "*") return { holds: (request) => request.field(name) !== null };
  return { holds: (request) => request.field(name) === expected };
}

/** Is there a pair `name=expected` in the query? Names and values are compared decoded (`+` is a space); where a name is repeated, any of its values will do. */
function hasQueryPair(query: string, name: string, expected: string): boolean {
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand === -1 ? query.length : ampersand;
    const equals = query.indexOf("=", start);
    const nameEnd = equals === -1 || equals > end ? end : equals;
    if (end > start && decodeForm(query.slice(start, nameEnd)) === name && (expected === "*" || decodeForm(query.slice(nameEnd + 1, end)) === expected)) return true;
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

/** Is there a cookie `name=expected` in a Cookie value (RFC 6265 section 4.2.1)? Compared as received, any of several will do. */
function hasCookie(cookies: string | null, name: string, expected: string): boolean {
  if (cookies === null) return false;
  for (const pair of cookies.split(";")) {
    const equals = pair.indexOf("=");
    if (equals !== -1 && pair.slice(0, equals).trim() === name && (expected === "*" || pair.slice(equals + 1).trim() === expected)) return true;
  }
  return false;
}
