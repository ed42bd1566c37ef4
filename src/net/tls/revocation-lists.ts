/**
 * Revocation lists (RFC 5280 section 5) as files hold them: whether there is one of each authority, and until when they
 * count. OpenSSL refuses everybody whose authority has no list, or an old one, and says so handshake by handshake.
 */
import { X509Certificate } from "node:crypto";
import { Der, derElements, derTimeMs, firstDer } from "./der.ts";
import { pemBlocks, pemCertificates } from "./pem.ts";
import { CertificateError } from "./read-certificate.ts";

/** What a file of lists says. */
export interface ReadRevocationLists {
  /** When the first of them is out of date; infinite = never. */
  readonly nextUpdateMs: number;
}

/**
 * Reads `crlPem`, which has to hold a list of each authority in `caPem`.
 * @throws CertificateError if it does not
 */
export function readRevocationLists(crlPem: string, caPem: string): ReadRevocationLists {
  const lists = pemBlocks(crlPem)
    .filter(({ label }) => label === "X509 CRL")
    .map(({ pem }) => readList(pem));
  if (lists.length === 0) throw new CertificateError("holds no revocation list (PEM)");
  const issuers = new Set(lists.map(({ issuer }) => issuer));
  for (const pem of pemCertificates(caPem)) {
    const authority = new X509Certificate(pem);
    if (!issuers.has(subjectOf(authority)))
      throw new CertificateError(
        `holds no list of ${JSON.stringify(authority.subject.replaceAll("\n", ", "))}: everybody whom it has certified would be refused`,
      );
  }
  return { nextUpdateMs: Math.min(...lists.map(({ nextUpdateMs }) => nextUpdateMs)) };
}

/** The issuer is its encoded name, as text. */
function readList(pem: string): { readonly issuer: string; readonly nextUpdateMs: number } {
  const der = Buffer.from(pem.replace(/-----[^-]*-----/g, ""), "base64");
  // CertificateList: the list, its algorithm, its signature. The list: version, algorithm, issuer, this and next update.
  const list = [...derElements(firstDer(firstDer(der)?.content ?? empty)?.content ?? empty)];
  if (list[0]?.tag === Der.integer) list.shift();
  const [, issuer, , next] = list;
  if (issuer?.tag !== Der.sequence) throw new CertificateError("holds a revocation list that cannot be read");
  const isTime = next?.tag === Der.utcTime || next?.tag === Der.generalizedTime;
  return { issuer: textOf(issuer.bytes), nextUpdateMs: isTime ? derTimeMs(next) : Infinity };
}

/** The encoded subject of a certificate, as text. */
function subjectOf(certificate: X509Certificate): string {
  // The certificate: [version], serial, algorithm, issuer, validity, subject.
  const fields = [...derElements(firstDer(firstDer(certificate.raw)?.content ?? empty)?.content ?? empty)];
  if (fields[0]?.tag !== Der.integer) fields.shift();
  return textOf(fields[4]?.bytes ?? empty);
}

const empty = new Uint8Array(0);
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
