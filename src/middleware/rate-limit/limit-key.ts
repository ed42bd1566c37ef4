/** Whose requests are counted together. */
import { cryptoLibrary } from "../../base/crypto-library.ts";
import { parseIpv6 } from "../../base/ip-address.ts";
import { compileExchangeKey } from "../../http/exchange-key.ts";
import type { Exchange } from "../../http/exchange.ts";

/**
 * The key of an exchange. Those that have none (no such header or cookie, a client without an address) share the empty
 * one: leaving the key out is no way around a limit.
 */
export type LimitKey = (exchange: Exchange) => string;

/** Compiles a key. @param text as the options have it */
export function compileLimitKey(text: string): LimitKey {
  if (text === "route") return (exchange) => exchange.record.routeName;
  if (text === "listener") return (exchange) => exchange.listenerName;
  if (text === "clientIp") return (exchange) => toNetwork(exchange.clientIp);
  const keyOf = compileExchangeKey(text);
  return (exchange) => keyOf(exchange) ?? "";
}

/**
 * A key as it stands in a store: what clients send is hashed, so that it is short and no secret lies about. @param kind
 * as the options have it
 */
export function toStoreKey(key: string, kind: string): string {
  if (!kind.includes(":")) return key;
  return cryptoLibrary().createHash("sha256").update(key, "latin1").digest("base64url").slice(0, 22);
}

const words = new Uint32Array(4);

/**
 * IPv4 as it is; of IPv6 the first four groups (its /64), for that is what one customer has. @param ip in its one
 * spelling, or empty (Unix sockets)
 */
export function toNetwork(ip: string): string {
  let colons = 0;
  for (let at = ip.indexOf(":"); at !== -1; at = ip.indexOf(":", at + 1)) {
    if (ip.charCodeAt(at + 1) === 58) return expandNetwork(ip);
    if (++colons === 4) return ip.slice(0, at);
  }
  return ip;
}

/** The same if some of the four groups are left out. */
function expandNetwork(ip: string): string {
  if (!parseIpv6(ip, words)) return ip;
  const [first = 0, second = 0] = words;
  return `${(first >>> 16).toString(16)}:${(first & 0xffff).toString(16)}:${(second >>> 16).toString(16)}:${(second & 0xffff).toString(16)}`;
}
