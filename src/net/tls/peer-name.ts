/**
 * The name that a server has to prove by its certificate (RFC 9525), in the one spelling that is compared. What the
 * system takes for an address and a certificate for a name (`0x7f.1`, `0177.0.0.1`) is neither here: a certificate for
 * the one would be accepted for the other.
 */
import type { X509Certificate } from "node:crypto";
import { ipVersion, normalizeIp } from "../../base/ip-address.ts";
import { isHostName } from "../listen-address.ts";

/** Whom a server has to prove to be. */
export interface PeerName {
  readonly kind: "dns" | "ip";
  /** In lower case and without a dot at its end; an address in canonical form, without its interface. */
  readonly text: string;
}

/**
 * The name of `host`, a host name or an address without brackets; null = it is neither, or can be read as both.
 */
export function toPeerName(host: string): PeerName | null {
  const zoneless = host.replace(/%.*/s, "");
  if (ipVersion(zoneless) !== 0) return { kind: "ip", text: normalizeIp(zoneless)! };
  const text = host.toLowerCase().replace(/\.$/, "");
  // As in URLs, a name whose last label is a number is an address that is badly written (WHATWG URL, section 3.5).
  return isHostName(text) && !/(^|\.)(\d+|0x[\da-f]*)$/.test(text) ? { kind: "dns", text } : null;
}

/**
 * What goes into the ClientHello for `name`; null = nothing, as for addresses (RFC 6066 section 3).
 */
export function serverNameOf(name: PeerName): string | null {
  return name.kind === "dns" ? name.text : null;
}

/**
 * Does `certificate` hold for `name`? Only its alternative names count, never its subject (RFC 9525 section 2); a
 * wildcard stands for the whole of the left-most label and for nothing else. Names are compared by their length, so that
 * a zero byte in one ends nothing.
 */
export function isCertificateFor(certificate: X509Certificate, { kind, text }: PeerName): boolean {
  return kind === "ip" ? certificate.checkIP(text) !== undefined : certificate.checkHost(text, nameRules) !== undefined;
}

const nameRules = {
  subject: "never",
  wildcards: true,
  partialWildcards: false,
  multiLabelWildcards: false,
  singleLabelSubdomains: false,
} as const;
