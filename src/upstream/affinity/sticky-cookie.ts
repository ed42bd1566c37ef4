/**
 * Affinity by a signed cookie. A client comes back to its endpoint while that is healthy, also when it drains or has
 * weight 0 and gets no new clients; when it is gone or fails, the balancer chooses another and the answer brings a new
 * cookie (RFC 6265 section 4.1). The cookie is sent only if it changes.
 *
 * A client may send several cookies of the name, one for each path and domain it was set for (RFC 6265 section 5.4),
 * old ones among them. All are read, up to `maxTokens`; a fresh one is preferred to one that is to be renewed, and
 * otherwise the earlier to the later.
 */
import { hash32 } from "../../base/hash.ts";
import { findCookie } from "../../http/cookie.ts";
import type { Exchange } from "../../http/exchange.ts";
import { clientScheme } from "../../http/forwarding-fields.ts";
import { compileReceivedField } from "../../http/sent-fields.ts";
import { type PickHint, isOpenTo } from "../balancer/balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { StickyCookieOptions } from "../sticky-options.ts";
import type { Affinity } from "./affinity.ts";
import type { StickyTokens, TokenReading } from "./sticky-token.ts";

/** `kept`: by its cookie; `assigned`: it had none; `moved`: its endpoint is gone or could not serve. */
export type StickyResult = "kept" | "assigned" | "moved";

/** What a `StickyCookie` is made of. */
export interface StickyCookieParts {
  readonly upstreamName: string;
  readonly options: StickyCookieOptions;
  readonly tokens: StickyTokens;
  readonly find: (url: string) => Endpoint | null;
  readonly onResult: (result: StickyResult) => void;
}

/** Further cookies of the name are not looked at: each costs the reading of a token. */
const maxTokens = 16;

/** As the client sent them: the cookie is between the client and us, whatever the route leaves of cookies for endpoints. */
const readCookies = compileReceivedField("cookie");

const sameSiteNames = { lax: "Lax", strict: "Strict", none: "None" } as const;

/**
 * Sends a client back to the endpoint that its cookie names, and sets the cookie if it is missing or out of date.
 */
export class StickyCookie implements Affinity {
  readonly name: string;
  readonly #parts: StickyCookieParts;
  readonly #attributes: string;
  // What the cookies of the current request say; kept, because a pick must not allocate.
  readonly #readings: TokenReading[] = [];
  #tokenCount = 0;

  constructor(parts: StickyCookieParts) {
    const { name, maxAge, path, sameSite } = parts.options;
    this.#parts = parts;
    this.name = name ?? `millrace-${hash32(parts.upstreamName).toString(16).padStart(8, "0")}`;
    const age = maxAge === 0 ? "" : `; Max-Age=${Math.ceil(maxAge / 1000)}`;
    this.#attributes = `${age}; Path=${path}; HttpOnly; SameSite=${sameSiteNames[sameSite]}`;
  }

  pick(exchange: Exchange, hint: PickHint): Endpoint | null {
    this.#readTokens(exchange);
    let found: Endpoint | null = null;
    for (const { url, isStale } of this.#readings) {
      if (isStale && found !== null) continue;
      const endpoint = this.#parts.find(url);
      if (endpoint === null || !endpoint.state.isKeepingClients || !isOpenTo(hint, endpoint)) continue;
      found = endpoint;
      if (!isStale) break;
    }
    this.#readings.length = 0;
    return found;
  }

  answerFields(exchange: Exchange, endpoint: Endpoint): string {
    this.#readTokens(exchange);
    let isKept = false;
    let isFresh = false;
    for (const { url, isStale } of this.#readings) {
      if (url !== endpoint.name) continue;
      isKept = true;
      if (!isStale) isFresh = true;
    }
    this.#readings.length = 0;
    this.#parts.onResult(isKept ? "kept" : this.#tokenCount === 0 ? "assigned" : "moved");
    if (isFresh) return "";
    // RFC 6265bis section 4.1.2.7: browsers refuse `None` without `Secure`.
    const secure = this.#parts.options.sameSite === "none" || clientScheme(exchange) === "https" ? "; Secure" : "";
    return `Set-Cookie: ${this.name}=${this.#parts.tokens.create(endpoint.name)}${this.#attributes}${secure}\r\n`;
  }

  /** Puts what the client's cookies say into `#readings`. */
  #readTokens(exchange: Exchange): void {
    this.#tokenCount = 0;
    findCookie(readCookies(exchange), this.name, this.#takeToken);
  }

  /** @returns true if no more are looked at */
  readonly #takeToken = (token: string): true | null => {
    const reading = this.#parts.tokens.read(token);
    if (reading !== null) this.#readings.push(reading);
    return ++this.#tokenCount === maxTokens ? true : null;
  };
}
