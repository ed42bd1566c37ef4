/**
 * Affinity by a signed cookie. A client comes back to its endpoint while that is healthy, also when it drains or has weight 0 and gets no new clients; when it is gone or
 * fails, the balancer chooses another and the answer brings a new cookie (RFC 6265 section 4.1). The cookie is sent only where it changes.
 */
import { hash32 } from "../../base/hash.ts";
import { cookieValue } from "../../http/cookie.ts";
import type { Exchange } from "../../http/exchange.ts";
import { clientScheme } from "../../http/forwarding-fields.ts";
import { type PickHint, isOpenTo } from "../balancer/balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { StickyCookieOptions } from "../sticky-options.ts";
import type { Affinity } from "./affinity.ts";
import type { StickyTokens } from "./sticky-token.ts";

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

const sameSiteNames = { lax: "Lax", strict: "Strict", none: "None" } as const;

/** See the head of this file. */
export class StickyCookie implements Affinity {
  readonly name: string;
  readonly #parts: StickyCookieParts;
  readonly #attributes: string;

  constructor(parts: StickyCookieParts) {
    const { name, maxAge, path, sameSite } = parts.options;
    this.#parts = parts;
    this.name = name ?? `millrace-${hash32(parts.upstreamName).toString(16).padStart(8, "0")}`;
    const age = maxAge === 0 ? "" : `; Max-Age=${Math.ceil(maxAge / 1000)}`;
    this.#attributes = `${age}; Path=${path}; HttpOnly; SameSite=${sameSiteNames[sameSite]}`;
  }

  pick(exchange: Exchange, hint: PickHint): Endpoint | null {
    const token = this.#tokenOf(exchange);
    const reading = token === null ? null : this.#parts.tokens.read(token);
    const endpoint = reading === null ? null : this.#parts.find(reading.url);
    return endpoint !== null && endpoint.state.isKeepingClients && isOpenTo(hint, endpoint) ? endpoint : null;
  }

  answerFields(exchange: Exchange, endpoint: Endpoint): string {
    const token = this.#tokenOf(exchange);
    const reading = token === null ? null : this.#parts.tokens.read(token);
    const isKept = reading?.url === endpoint.name;
    this.#parts.onResult(isKept ? "kept" : token === null ? "assigned" : "moved");
    if (isKept && !reading.isStale) return "";
    // RFC 6265bis section 4.1.2.7: None without Secure is refused by browsers.
    const secure = this.#parts.options.sameSite === "none" || clientScheme(exchange) === "https" ? "; Secure" : "";
    return `Set-Cookie: ${this.name}=${this.#parts.tokens.create(endpoint.name)}${this.#attributes}${secure}\r\n`;
  }

  #tokenOf(exchange: Exchange): string | null {
    return cookieValue(exchange.request.field("cookie"), this.name);
  }
}
