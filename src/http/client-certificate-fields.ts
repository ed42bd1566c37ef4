/**
 * The fields that tell endpoints of a client's certificate. No client can send one of them: they are taken from every
 * request (`Special.unsafe`), whoever it comes from, and written behind what `Connection` has removed. Of a certificate
 * that does not hold they tell no more than that, and its fingerprint, which needs the key that belongs to it.
 */
import type { ConnectionClient, ConnectionTls, PeerCertificate } from "./connection-tls.ts";
import { isToken } from "./field-text.ts";

/** All of them, in lower case. */
export const clientCertificateFieldNames: readonly string[] = [
  "x-client-cert-verify",
  "x-client-cert-subject",
  "x-client-cert-san",
  "x-client-cert-fingerprint",
  "client-cert",
  "client-cert-chain",
];

/** A longer text is left out: endpoints have limits, too. */
const maxTextChars = 4_096;

/** The field lines, each with its CRLF. */
export function clientCertificateFields({
  certificate,
  issuers,
  verifyError,
  forward,
}: Omit<ConnectionClient, "fields">): string {
  if (forward === "none") return "";
  const verify = certificate === null ? "NONE" : verifyError === null ? "SUCCESS" : failed(verifyError);
  let lines = `X-Client-Cert-Verify: ${verify}\r\n`;
  if (certificate === null) return lines;
  lines += `X-Client-Cert-Fingerprint: ${certificate.fingerprint256.replaceAll(":", "").toLowerCase()}\r\n`;
  if (verifyError !== null) return lines;
  lines += textField("X-Client-Cert-Subject", toDistinguishedName(certificate.subject));
  lines += textField("X-Client-Cert-San", toVisible(certificate.subjectAltName ?? ""));
  if (forward === "summary") return lines;
  lines += `Client-Cert: ${toByteSequence(certificate)}\r\n`;
  // Without the root, which everybody has who trusts it (RFC 9440 section 2.3).
  const chain = forward === "chain" ? issuers.filter(({ subject, issuer }) => subject !== issuer) : [];
  return chain.length === 0 ? lines : `${lines}Client-Cert-Chain: ${chain.map(toByteSequence).join(", ")}\r\n`;
}

/** Whose certificate the client has; null = it has none that holds. */
export function clientSubject({ client }: Pick<ConnectionTls, "client">): string | null {
  if (client === null || client.certificate === null || client.verifyError !== null) return null;
  return toDistinguishedName(client.certificate.subject);
}

function failed(verifyError: string): string {
  return isToken(verifyError) ? `FAILED:${verifyError}` : "FAILED";
}

function textField(name: string, value: string): string {
  return value === "" || value.length > maxTextChars ? "" : `${name}: ${value}\r\n`;
}

/** In the order of RFC 4514 section 2.1, the most special part first. @param subject see `PeerCertificate` */
export function toDistinguishedName(subject: string): string {
  return toVisible(subject.split("\n").reverse().join(","));
}

/** Everything but visible ASCII and spaces is written as its bytes in hexadecimal: `\C3\BC` (RFC 4514 section 2.4). */
function toVisible(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, (some) =>
    Array.from(Buffer.from(some, "utf8"), (byte) => `\\${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/** RFC 9440 section 2.1, RFC 9651 section 3.3.5. */
function toByteSequence({ raw }: PeerCertificate): string {
  return `:${raw.toString("base64")}:`;
}
