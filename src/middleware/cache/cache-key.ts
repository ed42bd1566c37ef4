/**
 * The key of an answer: text that holds, unhashed and in this order, the route, the scheme that the client used, the
 * authority in lower case with its port, path and query as they are sent to the endpoint without the parameters that
 * make no difference, host and path as the client has them if the route has changed them, and a line for each field and
 * cookie that makes a difference. No part can hold a line feed, so that no two
 * requests can be told as one (threats.md L; CVE-2026-2836: a key without the host).
 */
import { cookieValue } from "../../http/cookie.ts";
import type { Exchange } from "../../http/exchange.ts";
import { toLowerAscii } from "../../http/field-text.ts";
import { clientScheme } from "../../http/forwarding-fields.ts";
import { compileSentField, type FieldReader } from "../../http/sent-fields.ts";
import { compileQueryFilter, type QueryFilter, type QueryRules } from "./query-filter.ts";
import type { RequestFacts } from "./request-facts.ts";

/** Longer keys are not looked up: such a request goes past the cache. In characters, each a byte. */
const maxKeyLength = 16_384;

/** What the options say of the key. */
export interface KeyRules extends QueryRules {
  /** Field names in lower case. */
  readonly headers: readonly string[];
  readonly cookies: readonly string[];
}

/** Makes the keys of one route. */
export class KeyMaker {
  readonly #beginnings: { readonly http: string; readonly https: string };
  readonly #filter: QueryFilter | null;
  readonly #readers: readonly { readonly name: string; readonly read: FieldReader }[];
  readonly #authority = { written: "", lower: "" };

  constructor(routeName: string, rules: KeyRules) {
    this.#beginnings = { http: `${routeName}\nhttp://`, https: `${routeName}\nhttps://` };
    this.#filter = compileQueryFilter(rules);
    this.#readers = [
      ...rules.headers.map((name) => ({ name, read: compileSentField(name) })),
      ...rules.cookies.map((name) => ({
        name: `cookie ${name}`,
        read: (exchange: Exchange) => cookieValue(readCookies(exchange), name),
      })),
    ];
  }

  /** The query of the client's URL without what makes no difference, as purges know it. */
  queryOf({ query }: Exchange["request"]): string {
    return query === "" ? "" : this.filtered(`?${query}`).slice(1);
  }

  /** Path and query of `exchange` as they count. */
  targetOf({ request, changedRequest }: Exchange): string {
    return this.filtered(changedRequest?.target ?? request.target);
  }

  /** Path and query without what makes no difference. */
  filtered(target: string): string {
    return this.#filter === null ? target : this.#filter(target);
  }

  /** The key of `exchange`; null if it is too long. @param target what `targetOf` has given for it */
  keyOf(exchange: Exchange, target: string, facts: RequestFacts): string | null {
    const { request, changedRequest } = exchange;
    const authority = this.#lowerAuthority(changedRequest?.authority ?? request.authority);
    let key = `${this.#beginnings[clientScheme(exchange)]}${authority}${target}`;
    if (changedRequest !== null) key += this.#askedLines(exchange, authority);
    if (facts.keyLines !== "") key += `\n${facts.keyLines}`;
    if (exchange.isPeerTrusted) key += hostLine(exchange, authority);
    for (const { name, read } of this.#readers) {
      const value = read(exchange);
      if (value !== null) key += `\n${name}: ${value}`;
    }
    return key.length > maxKeyLength ? null : key;
  }

  /**
   * What the client asked for if the route has made another host or path of it. The endpoint is told of both
   * (X-Forwarded-Host, X-Forwarded-Prefix) and may make links of them, and purges go by what clients ask for. No field has
   * such a name, so that none can pass for it.
   */
  #askedLines({ request, changedRequest }: Exchange, authority: string): string {
    const asked = toLowerAscii(request.authority);
    const line = asked === authority ? "" : `\nasked host: ${asked}`;
    if (changedRequest!.target === request.target) return line;
    return `${line}\nasked path: ${request.path}?${this.queryOf(request)}`;
  }

  /** Requests for one site come one after the other. */
  #lowerAuthority(written: string): string {
    const known = this.#authority;
    if (written !== known.written) {
      known.written = written;
      known.lower = toLowerAscii(written);
    }
    return known.lower;
  }
}

const readCookies = compileSentField("cookie");
const readForwardedHost = compileSentField("x-forwarded-host");
const readForwarded = compileSentField("forwarded");

/**
 * What a trusted peer says of the host, if it is not the one that is asked for: applications make links of it. Of
 * Forwarded, which an endpoint may read instead, all but the addresses.
 */
function hostLine(exchange: Exchange, authority: string): string {
  const host = readForwardedHost(exchange);
  const line = host === null || toLowerAscii(host) === authority ? "" : `\nx-forwarded-host: ${host}`;
  const forwarded = exchange.request.forwarded === null ? null : readForwarded(exchange);
  return forwarded === null ? line : `${line}\nforwarded: ${withoutAddresses(forwarded)}`;
}

const withoutAddresses = (forwarded: string): string => forwarded.replace(/\b(?:for|by)=(?:"[^"]*"|[^;,\s]*)/gi, "");
