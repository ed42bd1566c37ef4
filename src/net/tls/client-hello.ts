/**
 * What a client says first in TLS (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2): read by us before TLS begins, so
 * that the certificate and what is asked of the client are chosen once, by what the client has really sent, and hold for
 * resumed sessions, too. Values that clients send to keep servers tolerant (GREASE, RFC 8701) are left out.
 */
import { ipVersion } from "../../base/ip-address.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { normalizeServerName } from "./server-name.ts";

/** Versions as TLS writes them. */
export const TlsVersion = { tls10: 0x0301, tls11: 0x0302, tls12: 0x0303, tls13: 0x0304 } as const;

/** What matters of a ClientHello. Numbers are those of the registries of IANA. */
export interface ClientHello {
  /** As `normalizeServerName` has it; null = none, or an IP address, which is no name. */
  readonly serverName: string | null;
  /** In the order of the client's preference, as latin1; empty = it says nothing. */
  readonly alpn: readonly string[];
  readonly cipherSuites: readonly number[];
  /** Empty = it says nothing. */
  readonly signatureAlgorithms: readonly number[];
  /** Curves among them; empty = it says nothing. */
  readonly supportedGroups: readonly number[];
  /** At least one. Of a client older than TLS 1.3 the newest one only. */
  readonly supportedVersions: readonly number[];
  /** It would like an OCSP response (RFC 6066 section 8). */
  readonly wantsStaple: boolean;
}

const Extension = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  alpn: 16,
  supportedVersions: 43,
} as const;

/** RFC 8701 section 2: 0x0a0a, 0x1a1a … 0xfafa. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

/** Empty if they are malformed, too. */
function withoutGrease(cursor: ByteCursor): number[] {
  const values = cursor.pairs();
  return cursor.isBroken ? [] : values.filter((value) => !isGrease(value));
}

/** What extensions say; filled in by `readExtension`. */
interface Extensions {
  serverName: string | null;
  alpn: readonly string[];
  signatureAlgorithms: readonly number[];
  supportedGroups: readonly number[];
  supportedVersions: readonly number[];
  wantsStaple: boolean;
}

/** @param bytes the body of the handshake message, without type and length @returns null if it is malformed */
export function parseClientHello(bytes: Buffer): ClientHello | null {
  const cursor = new ByteCursor(bytes);
  const newestVersion = cursor.number(2);
  cursor.skip(32); // random
  cursor.vector(1); // session id
  const suites = cursor.vector(2);
  const cipherSuites = withoutGrease(suites);
  cursor.vector(1); // compression
  const extensions: Extensions = {
    serverName: null,
    alpn: [],
    signatureAlgorithms: [],
    supportedGroups: [],
    supportedVersions: [newestVersion],
    wantsStaple: false,
  };
  if (cursor.isBroken || suites.isBroken) return null;
  if (!cursor.isAtEnd && !readExtensions(cursor.vector(2), extensions)) return null;
  return cursor.isBroken || !cursor.isAtEnd ? null : { cipherSuites, ...extensions };
}

/** @returns false if they are malformed, or if one comes twice (RFC 8446 section 4.2) */
function readExtensions(list: ByteCursor, into: Extensions): boolean {
  const seen = new Set<number>();
  while (!list.isAtEnd) {
    const kind = list.number(2);
    const content = list.vector(2);
    if (content.isBroken || seen.has(kind)) return false;
    seen.add(kind);
    if (!readExtension(kind, content, into) || content.isBroken) return false;
  }
  return !list.isBroken;
}

function readExtension(kind: number, content: ByteCursor, into: Extensions): boolean {
  switch (kind) {
    case Extension.serverName:
      return readServerName(content, into);
    case Extension.alpn:
      return readAlpn(content, into);
    case Extension.statusRequest:
      into.wantsStaple = content.number(1) === 1;
      return true;
    case Extension.supportedGroups:
      return (into.supportedGroups = withoutGrease(content.vector(2))).length > 0;
    case Extension.signatureAlgorithms:
      return (into.signatureAlgorithms = withoutGrease(content.vector(2))).length > 0;
    case Extension.supportedVersions:
      return (into.supportedVersions = withoutGrease(content.vector(1))).length > 0;
    default:
      return true;
  }
}

/** A list of exactly one name, as every server reads it (RFC 6066 section 3). */
function readServerName(content: ByteCursor, into: Extensions): boolean {
  const list = content.vector(2);
  const kind = list.number(1);
  const text = list.vector(2).text();
  if (list.isBroken || kind !== 0 || !list.isAtEnd || !content.isAtEnd) return false;
  into.serverName = normalizeServerName(text);
  return into.serverName !== null || ipVersion(text) !== 0;
}

function readAlpn(content: ByteCursor, into: Extensions): boolean {
  const list = content.vector(2);
  const names: string[] = [];
  while (!list.isAtEnd) {
    const name = list.vector(1).text();
    if (name === "") return false;
    if (name.length !== 2 || !isGrease((name.charCodeAt(0) << 8) | name.charCodeAt(1))) names.push(name);
  }
  into.alpn = names;
  return !list.isBroken && content.isAtEnd;
}
