/**
 * Reads a certificate with its key as people keep them, and finds what is wrong with the two. Node and OpenSSL accept a
 * key of another kind than the certificate's, and every handshake fails then; so keys are compared here.
 */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, rootCertificates } from "node:tls";
import { pemCertificates } from "./pem.ts";
import { subjectNames } from "./subject-names.ts";
import type { CertificateKeyType, CertificateMaterial } from "./tls-material.ts";

/** A certificate, a key or an authority that cannot be used; the message is the end of a sentence about the file. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/** What is read. Texts are PEM; other text between the blocks, and CRLF, do no harm. */
export interface CertificateTexts {
  /** The leaf, and what issued it, if that is not in `chain`. */
  readonly cert: string;
  readonly key: string;
  /** Further certificates of the chain. */
  readonly chain?: string | null;
}

/** A certificate that can be used, and what people should know about it. */
export interface ReadCertificate {
  readonly material: CertificateMaterial;
  /** Sentences without a subject, as `has expired`; empty = all is well. */
  readonly warnings: readonly string[];
}

const keyTypes: ReadonlySet<string> = new Set<CertificateKeyType>(["ec", "rsa", "ed25519"]);

/** Who can be asked about a certificate, by what it says itself (RFC 5280 section 4.2.2.1); null = nobody. */
function responderOf({ infoAccess }: X509Certificate): string | null {
  const text = /^OCSP - URI:(\S+)$/m.exec(infoAccess ?? "")?.[1];
  return text !== undefined && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : null;
}

/** Reads and checks. @param nowMs what `has expired` is measured by @throws CertificateError */
export function readCertificate(texts: CertificateTexts, nowMs: number = Date.now()): ReadCertificate {
  const pems = [...pemCertificates(texts.cert), ...pemCertificates(texts.chain ?? "")];
  if (pems.length === 0) throw new CertificateError("holds no certificate (PEM)");
  const chain = pems.map((pem, index) => parseCertificate(pem, index));
  const leaf = chain[0]!;
  const key = parseKey(texts.key);
  assertPair(chain, key);
  const names = subjectNames(leaf);
  if (names.length === 0) throw new CertificateError("names no host: there is no subjectAltName in it");
  const certPem = pems.join("");
  const keyPem = key.export({ type: "pkcs8", format: "pem" }) as string;
  try {
    createSecureContext({ cert: certPem, key: keyPem, ca: [] });
  } catch (error) {
    throw new CertificateError(`is refused by OpenSSL: ${(error as Error).message}`);
  }
  return {
    material: {
      id: createHash("sha256").update(certPem).update(keyPem).digest("base64url"),
      names,
      certPem,
      keyPem,
      keyType: key.asymmetricKeyType as CertificateKeyType,
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
      responder: responderOf(leaf),
      ocsp: null,
    },
    warnings: warningsOf(chain, nowMs),
  };
}

function parseCertificate(pem: string, index: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError(`holds a certificate that cannot be read, number ${index + 1} of the chain`);
  }
}

function parseKey(text: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CertificateError(
      code === "ERR_MISSING_PASSPHRASE"
        ? "has a key that is encrypted; write it without a passphrase"
        : "has no private key that can be read (PEM)",
    );
  }
  const type = key.asymmetricKeyType ?? "";
  if (!keyTypes.has(type)) throw new CertificateError(`has a key of the kind ${type}, which TLS does not know`);
  return key;
}

function assertPair(chain: readonly X509Certificate[], key: KeyObject): void {
  const at = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (at === 0) return;
  throw new CertificateError(
    at === -1
      ? "does not belong to its key: the public keys differ"
      : "has its certificates in the wrong order: that of the key must be the first, then what issued it",
  );
}

function warningsOf(chain: readonly X509Certificate[], nowMs: number): string[] {
  const warnings: string[] = [];
  for (const [index, certificate] of chain.entries()) {
    const who = index === 0 ? "" : `has in its chain ${oneLine(certificate.subject)}, which `;
    if (Date.parse(certificate.validTo) <= nowMs) warnings.push(`${who}has expired (${certificate.validTo})`);
    else if (Date.parse(certificate.validFrom) > nowMs)
      warnings.push(`${who}is not valid yet (from ${certificate.validFrom} on)`);
    const issuer = chain[index + 1];
    if (issuer !== undefined && !certificate.checkIssued(issuer))
      warnings.push(`has a chain out of order: ${oneLine(issuer.subject)} did not issue what stands before it`);
  }
  const last = chain.at(-1)!;
  if (isIncomplete(last))
    warnings.push(`has no complete chain: ${oneLine(last.issuer)}, which issued its last certificate, is missing`);
  return warnings;
}

/**
 * Clients know roots only. One that says where its issuer is to be had, and was not issued by a public root, was issued
 * by an intermediate; private authorities say nothing of the kind and often have none.
 */
function isIncomplete(last: X509Certificate): boolean {
  if (last.checkIssued(last) || last.infoAccess?.includes("CA Issuers") !== true) return false;
  return !publicRoots().some((root) => last.checkIssued(root));
}

let roots: readonly X509Certificate[] | null = null;

function publicRoots(): readonly X509Certificate[] {
  roots ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return roots;
}

/** A name of several lines, as Node writes them, in one. */
function oneLine(name: string): string {
  return JSON.stringify(name.replaceAll("\n", ", "));
}
