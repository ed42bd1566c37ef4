/** A new key, and the request for a certificate of it (RFC 8555, section 7.4: PKCS #10). */
import { KeyObject } from "node:crypto";
import { loadX509 } from "../../base/x509-library.ts";

/** The kinds of keys that certificates are asked for with. */
export type KeyKind = "ecdsa" | "rsa";

/** A key that nobody else has seen, and the request that it has signed. */
export interface CertificateRequest {
  readonly keyPem: string;
  /** DER in base64url. */
  readonly csr: string;
}

const algorithms = {
  ecdsa: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa: { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
} as const;

/** Makes a key of its own for each certificate. */
export async function createCertificateRequest(names: readonly string[], kind: KeyKind): Promise<CertificateRequest> {
  const { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } = await loadX509();
  const algorithm = algorithms[kind];
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value })))],
  });
  return {
    keyPem: KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" }) as string,
    csr: Buffer.from(request.rawData).toString("base64url"),
  };
}
