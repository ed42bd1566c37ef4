/**
 * OCSP (RFC 6960) as far as stapling needs it: asks whether one certificate is good, and reads the answer. What is
 * stapled was checked here, so that a responder that is broken or asked for something else is never passed on.
 */
import { createHash, type KeyObject, verify, X509Certificate } from "node:crypto";
import { type DerElement, Der, derElements, derTimeMs, encodeDer, firstDer } from "./der.ts";
import { CertificateError } from "./read-certificate.ts";

/** An answer that may be stapled. */
export interface Staple {
  /** As the responder sent it. */
  readonly der: Buffer;
  readonly thisUpdateMs: number;
  /** From then on it must not be used. */
  readonly nextUpdateMs: number;
}

/** The certificate that is asked about, and the one that issued it. */
export interface OcspSubject {
  readonly leaf: X509Certificate;
  readonly issuer: X509Certificate;
}

/** Extended key usage `id-kp-OCSPSigning`. */
const ocspSigning = "1.3.6.1.5.5.7.3.9";
const basicResponse = "2b0601050507300101";
const sha1 = "2b0e03021a";
/** Digests of certificate ids, by the object identifier in hexadecimal. */
const digests: Readonly<Record<string, string>> = { [sha1]: "sha1", "608648016503040201": "sha256" };
/** Signatures, and the digest that is signed; null = the algorithm has its own. */
const signatures: Readonly<Record<string, string | null>> = {
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
  "2b6570": null,
};
const statuses = ["successful", "malformedRequest", "internalError", "tryLater", "", "sigRequired", "unauthorized"];
/** A responder's clock may be ahead of ours by this much. */
const clockSkewMs = 300_000;
/** An answer that names no end is not kept longer. */
const endlessMs = 86_400_000;

/** Of a chain, leaf first; null = what issued the leaf is not in it. */
export function ocspSubjectOf(certificates: readonly string[]): OcspSubject | null {
  const [leafPem, issuerPem] = certificates;
  if (leafPem === undefined || issuerPem === undefined) return null;
  const leaf = new X509Certificate(leafPem);
  const issuer = new X509Certificate(issuerPem);
  return leaf.checkIssued(issuer) ? { leaf, issuer } : null;
}

/** The question, as it is sent. */
export function ocspRequest(subject: OcspSubject): Buffer {
  const { nameHash, keyHash, serial } = idOf(subject, "sha1");
  const id = encodeDer(
    Der.sequence,
    encodeDer(Der.sequence, encodeDer(Der.oid, Buffer.from(sha1, "hex")), encodeDer(Der.null)),
    encodeDer(Der.octetString, nameHash),
    encodeDer(Der.octetString, keyHash),
    serial,
  );
  // OCSPRequest, TBSRequest, requestList, Request.
  return [1, 2, 3, 4].reduce((inner) => encodeDer(Der.sequence, inner), id);
}

/** Reads an answer and checks that it says "good" of `subject`. @throws CertificateError if it may not be stapled */
export function readOcspResponse(der: Buffer, subject: OcspSubject, nowMs: number): Staple {
  const [status, bytes] = childrenOf(firstDer(der));
  const code = status?.tag === Der.enumerated ? status.content[0] : undefined;
  if (code === undefined) throw new CertificateError("is no answer of an OCSP responder");
  if (code !== 0) throw new CertificateError(`is an answer without a status: ${statuses[code] || code}`);
  const [type, response] = childrenOf(childrenOf(bytes)[0]);
  if (hexOf(type) !== basicResponse) throw new CertificateError("is an answer of an unknown kind");
  const [data, algorithm, signature, certificates] = childrenOf(firstDer(response?.content ?? empty));
  if (data === undefined || signature?.tag !== Der.bitString)
    throw new CertificateError("is an answer that cannot be read");
  const isSigned = signersOf(subject, certificates, nowMs).some((key) =>
    isSignedBy(key, {
      data: data.bytes,
      algorithm: hexOf(childrenOf(algorithm)[0]),
      signature: signature.content.subarray(1),
    }),
  );
  if (!isSigned) throw new CertificateError("is not signed by who issued the certificate, or by whom that one named");
  const single = childrenOf(responsesOf(data)).find((one) => isAbout(childrenOf(childrenOf(one)[0]), subject));
  if (single === undefined) throw new CertificateError("says nothing of this certificate");
  const [, verdict, from, ...more] = childrenOf(single);
  if (verdict?.tag === revokedTag) throw new CertificateError("says that the certificate has been revoked");
  if (verdict?.tag !== goodTag) throw new CertificateError("says that the responder does not know the certificate");
  const thisUpdateMs = from === undefined ? Number.NaN : derTimeMs(from);
  const until = more.find(({ tag }) => tag === contextTag(0));
  const next = until === undefined ? undefined : firstDer(until.content);
  const nextUpdateMs = next == null ? thisUpdateMs + endlessMs : derTimeMs(next);
  if (!(thisUpdateMs <= nowMs + clockSkewMs)) throw new CertificateError("is of the future");
  if (!(nextUpdateMs > nowMs)) throw new CertificateError(`is out of date (${isoOf(nextUpdateMs)})`);
  return { der, thisUpdateMs, nextUpdateMs };
}

const empty = Buffer.alloc(0);
const goodTag = 0x80;
const revokedTag = 0xa1;
const contextTag = (number: number): number => 0xa0 | number;
const isoOf = (ms: number): string => (Number.isFinite(ms) ? new Date(ms).toISOString() : "no time");

function childrenOf(element: DerElement | null | undefined): readonly DerElement[] {
  return element == null || (element.tag & 0x20) === 0 ? [] : [...derElements(element.content)];
}

function hexOf(element: DerElement | undefined): string {
  return Buffer.from(element?.content ?? empty).toString("hex");
}

/** ResponseData: [version], responder, time, responses. */
function responsesOf(data: DerElement): DerElement | undefined {
  const fields = childrenOf(data);
  return fields[fields[0]?.tag === contextTag(0) ? 3 : 2];
}

function isAbout([algorithm, name, key, serial]: readonly DerElement[], subject: OcspSubject): boolean {
  const digest = digests[hexOf(childrenOf(algorithm)[0])];
  if (digest === undefined || name === undefined || key === undefined || serial === undefined) return false;
  const id = idOf(subject, digest);
  return id.nameHash.equals(name.content) && id.keyHash.equals(key.content) && id.serial.equals(serial.bytes);
}

/** What a certificate is called by (RFC 6960 section 4.1.1). */
function idOf({ leaf, issuer }: OcspSubject, digest: string): { nameHash: Buffer; keyHash: Buffer; serial: Buffer } {
  const hash = (bytes: Uint8Array): Buffer => createHash(digest).update(bytes).digest();
  const ofLeaf = fieldsOf(leaf);
  const [, bits] = childrenOf(fieldsOf(issuer)[5]);
  return {
    nameHash: hash(ofLeaf[2]?.bytes ?? empty),
    // Without the octet that counts unused bits.
    keyHash: hash(bits?.content.subarray(1) ?? empty),
    serial: Buffer.from(ofLeaf[0]?.bytes ?? empty),
  };
}

/** TBSCertificate without its version: serial, algorithm, issuer, validity, subject, key. */
function fieldsOf({ raw }: X509Certificate): readonly DerElement[] {
  const fields = childrenOf(childrenOf(firstDer(raw))[0]);
  return fields[0]?.tag === contextTag(0) ? fields.slice(1) : fields;
}

/** Whose signature counts: the issuer's, and that of whom it has certified for this (RFC 6960 section 4.2.2.2). */
function signersOf({ issuer }: OcspSubject, certificates: DerElement | undefined, nowMs: number): KeyObject[] {
  const keys = [issuer.publicKey];
  for (const { bytes } of childrenOf(childrenOf(certificates)[0])) {
    try {
      const delegate = new X509Certificate(bytes);
      if (
        delegate.keyUsage?.includes(ocspSigning) === true &&
        delegate.checkIssued(issuer) &&
        delegate.verify(issuer.publicKey) &&
        Date.parse(delegate.validFrom) <= nowMs + clockSkewMs &&
        Date.parse(delegate.validTo) > nowMs
      )
        keys.push(delegate.publicKey);
    } catch {
      // One that cannot be read signs nothing.
    }
  }
  return keys;
}

function isSignedBy(key: KeyObject, signed: { data: Uint8Array; algorithm: string; signature: Uint8Array }): boolean {
  const digest = signatures[signed.algorithm];
  if (digest === undefined) return false;
  try {
    return verify(digest, signed.data, key, signed.signature);
  } catch {
    // The key is of another kind than the signature.
    return false;
  }
}
