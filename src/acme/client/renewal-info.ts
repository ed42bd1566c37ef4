/**
 * When a CA wants a certificate to be renewed (ACME Renewal Information, RFC 9773). What it says is kept with the
 * identifier of the certificate that it is about, so that it is never applied to another; nonsense is no information.
 */
import { X509Certificate } from "node:crypto";
import { loadX509 } from "../../base/x509-library.ts";
import { asRecord } from "./acme-error.ts";
import type { AcmeSession } from "./acme-session.ts";

/** A window, and the certificate that it is about. */
export interface RenewalInfo {
  readonly certificateId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** When to ask again. */
  readonly askAgainMs: number;
}

const defaultAgainMs = 6 * 3_600_000;
const [leastAgainMs, mostAgainMs] = [60_000, 24 * 3_600_000];

/**
 * The identifier of a certificate (section 4.1): key identifier of its issuer and serial number.
 * @returns null if the certificate does not name its issuer's key
 */
export async function certificateIdOf(pem: string): Promise<string | null> {
  const { AuthorityKeyIdentifierExtension, X509Certificate: Certificate } = await loadX509();
  const keyId = new Certificate(pem).getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  if (keyId === undefined) return null;
  const hex = new X509Certificate(pem).serialNumber;
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  // An INTEGER of DER: a leading zero keeps it positive.
  const serial = Buffer.from(/^[89A-F]/i.test(even) ? `00${even}` : even, "hex");
  return `${Buffer.from(keyId, "hex").toString("base64url")}.${serial.toString("base64url")}`;
}

/**
 * Asks the CA.
 * @returns null if it has no such information, or says nothing that makes sense
 * @throws AcmeError if it cannot be asked
 */
export async function fetchRenewalInfo(session: AcmeSession, certificateId: string): Promise<RenewalInfo | null> {
  const { renewalInfo } = await session.directory();
  if (renewalInfo === null) return null;
  const { json, retryAfterMs } = await session.get(`${renewalInfo.replace(/\/$/, "")}/${certificateId}`);
  const window = asRecord(asRecord(json)["suggestedWindow"]);
  const startMs = Date.parse(String(window["start"]));
  const endMs = Date.parse(String(window["end"]));
  // NaN compares false.
  if (!(startMs <= endMs)) return null;
  const againMs = Math.min(Math.max(retryAfterMs ?? defaultAgainMs, leastAgainMs), mostAgainMs);
  return { certificateId, startMs, endMs, askAgainMs: session.wall() + againMs };
}
