/**
 * Who is asking, when proxies stand in between: the walk through X-Forwarded-For from the nearest hop to the farthest,
 * which believes an entry only as long as every hop after it is trusted (RFC 7239 section 8.1 says why the leftmost
 * entry means nothing). Pure; whom to trust is the caller's to know.
 */
import { normalizeIp } from "../base/ip-address.ts";
import { trimOws } from "./field-text.ts";
import { forwardedNodes } from "./forwarded.ts";

/** No real chain of proxies is longer; entries beyond are not looked at. */
export const maxForwardedHops = 50;

/** What `resolveClient` is given. */
export interface ClientEvidence {
  /** The socket's peer. */
  readonly peerAddress: string;
  /** The value of X-Forwarded-For, several lines joined with `, `; null if absent. */
  readonly forwardedFor: string | null;
  /**
   * The value of Forwarded (RFC 7239), which is read if there is no X-Forwarded-For; null or absent if there is
   * none.
   */
  readonly forwarded?: string | null | undefined;
  /** Is this address (normalised, see `normalizeIp`) a trusted proxy? */
  readonly isTrusted: (address: string) => boolean;
}

/**
 * The client's address, normalised: the last hop that is not trusted, or the farthest one named if all are. An entry
 * that is no address (with or without port or brackets) ends the walk, and the hop after it is the client: nothing
 * behind it can be believed.
 */
export function resolveClient({ peerAddress, forwardedFor, forwarded, isTrusted }: ClientEvidence): string {
  let client = normalizeIp(peerAddress) ?? peerAddress;
  const list = forwardedFor ?? (forwarded == null || !isTrusted(client) ? null : forwardedNodes(forwarded));
  if (list === null) return client;
  let end = list.length;
  for (let hop = 0; hop < maxForwardedHops && end >= 0 && isTrusted(client); hop++) {
    const comma = end === 0 ? -1 : list.lastIndexOf(",", end - 1);
    const address = parseNode(trimOws(list.slice(comma + 1, end)));
    if (address === null) break;
    client = address;
    end = comma;
  }
  return client;
}

/**
 * The address in an X-Forwarded-For entry or an RFC 7239 node (its quotes already removed): `1.2.3.4`, `1.2.3.4:80`,
 * `::1`, `[::1]`, `[::1]:80`. Null for anything else, `unknown` and obfuscated names included.
 */
export function parseNode(text: string): string | null {
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    if (close === -1 || !/^(:\d{1,5})?$/.test(text.slice(close + 1))) return null;
    const inner = text.slice(1, close);
    return inner.includes(":") ? normalizeIp(inner) : null;
  }
  const colon = text.indexOf(":");
  if (colon !== -1 && colon === text.lastIndexOf(":"))
    return /^\d{1,5}$/.test(text.slice(colon + 1)) ? normalizeIp(text.slice(0, colon)) : null;
  return normalizeIp(text);
}
