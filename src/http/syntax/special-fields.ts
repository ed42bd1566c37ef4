/**
 * The fields that mean something to a proxy, and what becomes of them. Every other field is forwarded as the slice it
 * came in. A name is recognised from its bytes without making a string: bucket by length and first letter, then
 * compare.
 */

import { foldFieldName, toLowerAscii } from "../field-text.ts";

/** What a field is to us. Values are small integers because the scanner stores them in a byte array. */
export const Special = {
  none: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Hop-by-hop: never forwarded, never read. */
  dropped: 5,
  keepAlive: 6,
  te: 7,
  trailer: 8,
  upgrade: 9,
  expect: 10,
  via: 11,
  requestId: 12,
  forwardedFor: 13,
  forwardedProto: 14,
  forwardedHost: 15,
  forwarded: 16,
  /** Believed, and passed on, only when the peer is trusted. */
  trust: 17,
  date: 18,
  /** Dangerous for an endpoint: never forwarded to one. In an answer it is a field like others. */
  unsafe: 19,
  /** May offer or use a login that holds for the connection. */
  login: 20,
  /** The same between us and a proxy: read, never forwarded. */
  proxyLogin: 21,
  /** Says that a login holds for the connection. */
  persistentLogin: 22,
  cdnLoop: 23,
} as const;
export type Special = (typeof Special)[keyof typeof Special];

const names: readonly (readonly [string, Special])[] = [
  ["host", Special.host],
  ["content-length", Special.contentLength],
  ["transfer-encoding", Special.transferEncoding],
  ["connection", Special.connection],
  ["keep-alive", Special.keepAlive],
  ["proxy-connection", Special.dropped],
  ["authorization", Special.login],
  ["www-authenticate", Special.login],
  ["proxy-support", Special.login],
  ["proxy-authenticate", Special.proxyLogin],
  ["proxy-authentication-info", Special.dropped],
  ["proxy-authorization", Special.proxyLogin],
  ["persistent-auth", Special.persistentLogin],
  ["http2-settings", Special.dropped],
  // httpoxy: becomes HTTP_PROXY in a CGI-like environment (CVE-2016-5385).
  ["proxy", Special.unsafe],
  // What we tell endpoints of a client's certificate. Nobody else does: not even a trusted peer, which knows nothing of
  // these names and lets its clients write them.
  ["x-client-cert-verify", Special.unsafe],
  ["x-client-cert-subject", Special.unsafe],
  ["x-client-cert-san", Special.unsafe],
  ["x-client-cert-fingerprint", Special.unsafe],
  ["client-cert", Special.unsafe],
  ["client-cert-chain", Special.unsafe],
  ["te", Special.te],
  ["trailer", Special.trailer],
  ["upgrade", Special.upgrade],
  ["expect", Special.expect],
  ["via", Special.via],
  ["cdn-loop", Special.cdnLoop],
  ["x-request-id", Special.requestId],
  ["x-forwarded-for", Special.forwardedFor],
  ["x-forwarded-proto", Special.forwardedProto],
  ["x-forwarded-host", Special.forwardedHost],
  ["forwarded", Special.forwarded],
  ["x-real-ip", Special.trust],
  ["x-client-ip", Special.trust],
  ["x-cluster-client-ip", Special.trust],
  ["true-client-ip", Special.trust],
  ["cf-connecting-ip", Special.trust],
  ["cf-connecting-ipv6", Special.trust],
  ["fastly-client-ip", Special.trust],
  ["fly-client-ip", Special.trust],
  ["x-appengine-user-ip", Special.trust],
  ["x-azure-clientip", Special.trust],
  ["x-azure-socketip", Special.trust],
  ["x-envoy-external-address", Special.trust],
  ["x-proxyuser-ip", Special.trust],
  // What much Java looks through for the client's address.
  ["proxy-client-ip", Special.trust],
  ["wl-proxy-client-ip", Special.trust],
  // What much PHP believes before X-Forwarded-For, and what libraries look for behind it.
  ["client-ip", Special.trust],
  ["forwarded-for", Special.trust],
  ["x-forwarded", Special.trust],
  ["x-original-forwarded-for", Special.trust],
  // Some frameworks route by these instead of the target: cache poisoning and ACL bypass.
  ["x-original-url", Special.trust],
  ["x-rewrite-url", Special.trust],
  ["x-original-host", Special.trust],
  ["x-host", Special.trust],
  ["x-http-host-override", Special.trust],
  ["front-end-https", Special.trust],
  ["x-scheme", Special.trust],
  ["x-url-scheme", Special.trust],
  // What other proxies tell of a client's certificate, and applications that were written behind those believe.
  ["ssl-client-cert", Special.trust],
  ["ssl-client-verify", Special.trust],
  ["ssl-client-subject-dn", Special.trust],
  ["ssl-client-issuer-dn", Special.trust],
  ["x-ssl-cert", Special.trust],
  ["x-ssl-client-cert", Special.trust],
  ["x-ssl-client-verify", Special.trust],
  ["x-ssl-client-dn", Special.trust],
  ["x-ssl-client-s-dn", Special.trust],
  ["x-ssl-client-i-dn", Special.trust],
  ["x-ssl-client-subject", Special.trust],
  ["x-ssl-client-issuer", Special.trust],
  ["x-ssl-client-cn", Special.trust],
  ["x-ssl-client-san", Special.trust],
  ["x-ssl-client-serial", Special.trust],
  ["x-ssl-client-fingerprint", Special.trust],
  ["x-ssl-client-sha1", Special.trust],
  ["x-ssl-client-cert-chain", Special.trust],
  ["x-client-cert", Special.trust],
  ["x-client-verify", Special.trust],
  ["x-client-dn", Special.trust],
  ["x-arr-clientcert", Special.trust],
  ["x-amzn-mtls-clientcert", Special.trust],
  ["x-amzn-mtls-clientcert-leaf", Special.trust],
  ["x-amzn-mtls-clientcert-subject", Special.trust],
  ["x-amzn-mtls-clientcert-issuer", Special.trust],
  ["x-amzn-mtls-clientcert-serial-number", Special.trust],
  ["x-amzn-mtls-clientcert-validity", Special.trust],
  ["date", Special.date],
];

interface Entry {
  readonly bytes: Uint8Array;
  readonly special: Special;
}

const longest = Math.max(...names.map(([name]) => name.length));
const buckets: (Entry[] | undefined)[] = new Array((longest + 1) * 32).fill(undefined);
for (const [name, special] of names) {
  const index = name.length * 32 + (name.charCodeAt(0) & 31);
  (buckets[index] ??= []).push({ bytes: Uint8Array.from(name, (letter) => letter.charCodeAt(0)), special });
}
const byName = new Map<string, Special>(names);
const forwardedPrefix = Uint8Array.from("x-forwarded-", (letter) => letter.charCodeAt(0));

/** What the name in `bytes[start, end)` is; names are compared without regard to case. */
export function specialOf(bytes: Uint8Array, start: number, end: number): Special {
  const length = end - start;
  if (length <= longest) {
    const bucket = buckets[length * 32 + (bytes[start]! & 31)];
    if (bucket !== undefined) {
      for (let i = 0; i < bucket.length; i++) {
        if (startsWith(bytes, start, bucket[i]!.bytes)) return bucket[i]!.special;
      }
    }
  }
  if (length > forwardedPrefix.length && (bytes[start]! | 32) === 0x78 && startsWith(bytes, start, forwardedPrefix))
    return Special.trust;
  return Special.none;
}

/**
 * Is this name, written with `_`, `.` or another character for `-`, one of ours? Some origins cannot tell them apart
 * (see `foldFieldName`), so such a field is never forwarded to one.
 */
export function isSpecialAlias(name: string): boolean {
  return isSpecialName(foldFieldName(toLowerAscii(name)));
}

/**
 * What `name`, in lower case, is: as `specialOf`, and a name that an origin may take for one of ours is `unsafe`. For
 * protocols that have their names as strings.
 */
export function specialOfName(name: string): Special {
  if (/[^-0-9a-z]/.test(name) && isSpecialAlias(name)) return Special.unsafe;
  return byName.get(name) ?? (name.startsWith("x-forwarded-") && name.length > 12 ? Special.trust : Special.none);
}

/** A table of 1 for `specials` and 0 for all others. */
export function specialTable(...specials: readonly Special[]): Uint8Array {
  const table = new Uint8Array(32);
  for (const special of specials) table[special] = 1;
  return table;
}

/** Is this name, in lower case, one of ours? */
export function isSpecialName(name: string): boolean {
  return byName.has(name) || name.startsWith("x-forwarded-");
}

// Token bytes only come here, so `| 32` maps just letters onto letters; `-` (0x2d) has the bit set already.
function startsWith(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((bytes[start + i]! | 32) !== name[i]) return false;
  }
  return true;
}
