/**
 * The authority of a request: `host [":" port]`, in the Host field and in absolute-form targets (RFC 9110 sections 4.2
 * and 7.2, RFC 3986 section 3.2). Deliberately narrower than RFC 3986: a registered name is letters, digits and `-._~`,
 * because no DNS name needs sub-delims or percent-escapes and caches, proxies and endpoints disagree about them (`a,b`,
 * `a;b`, `a%2fb`); userinfo is never accepted (RFC 9110 section 4.2.4).
 */
import { parseIpv6 } from "../base/ip-address.ts";
import { toLowerAscii } from "./field-text.ts";

/** 0 = refused, 1 = fits, 2 = a capital, 3 = dot, 4 = colon. */
const kinds = new Uint8Array(256);
for (const char of "abcdefghijklmnopqrstuvwxyz0123456789-_~") kinds[char.charCodeAt(0)] = 1;
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") kinds[char.charCodeAt(0)] = 2;
kinds[46] = 3;
kinds[58] = 4;

const maxHostLength = 255;
const scratch = new Uint32Array(4);

/**
 * The host that routes are matched against: `authority` in lower case, without its port and the trailing dot of a
 * rooted name (IPv6 keeps its brackets). Null if the authority is malformed or empty. A plain lower-case name
 * without port is returned as it is.
 */
export function parseAuthority(authority: string): string | null {
  if (authority.charCodeAt(0) === 91) return parseBracketed(authority);
  const length = authority.length;
  let hasCapital = false;
  let end = 0;
  let previous = 3;
  for (; end < length; end++) {
    const kind = kinds[authority.charCodeAt(end)];
    if (kind === 1) previous = 1;
    else if (kind === 3) {
      if (previous === 3) return null;
      previous = 3;
    } else if (kind === 2) {
      hasCapital = true;
      previous = 1;
    } else if (kind === 4) {
      if (!isPort(authority, end + 1)) return null;
      break;
    } else return null;
  }
  const hostEnd = previous === 3 ? end - 1 : end;
  if (hostEnd <= 0 || hostEnd > maxHostLength) return null;
  const host = hostEnd === length ? authority : authority.slice(0, hostEnd);
  return hasCapital ? toLowerAscii(host) : host;
}

/** `[IPv6] [":" port]`; zones and IPvFuture are refused. */
function parseBracketed(authority: string): string | null {
  const close = authority.indexOf("]");
  if (close === -1 || !parseIpv6(authority, scratch, 1, close)) return null;
  const hostEnd = close + 1;
  if (hostEnd < authority.length && (authority.charCodeAt(hostEnd) !== 58 || !isPort(authority, hostEnd + 1)))
    return null;
  return toLowerAscii(authority.slice(0, hostEnd));
}

/** Is the rest of `text` a port: nothing (RFC 3986 section 3.2.3) or up to five digits, at most 65535? */
function isPort(text: string, start: number): boolean {
  if (text.length - start > 5) return false;
  let port = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
