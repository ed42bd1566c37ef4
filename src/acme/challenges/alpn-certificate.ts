/** The certificate that proves a name by TLS-ALPN-01 (RFC 8737, section 3). */
import { KeyObject } from "node:crypto";
import { loadX509 } from "../../base/x509-library.ts";
import { type Challenge, digestOf } from "./challenge.ts";

const acmeIdentifier = "1.3.6.1.5.5.7.1.31";
const lifetimeMs = 7 * 24 * 3_600_000;

/** A certificate that is shown to a CA alone. */
export interface AlpnCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Makes one, signed by itself. */
export async function createAlpnCertificate(challenge: Challenge, wallMs: number): Promise<AlpnCertificate> {
  const { X509CertificateGenerator, SubjectAlternativeNameExtension, Extension } = await loadX509();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  // An OCTET STRING of 32 bytes.
  const digest = Buffer.concat([Buffer.from([0x04, 0x20]), digestOf(challenge)]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys,
    signingAlgorithm: algorithm,
    name: "CN=ACME challenge",
    notBefore: new Date(wallMs - 3_600_000),
    notAfter: new Date(wallMs + lifetimeMs),
    extensions: [
      new SubjectAlternativeNameExtension([{ type: "dns", value: challenge.name }]),
      new Extension(acmeIdentifier, true, digest),
    ],
  });
  return {
    certPem: certificate.toString("pem"),
    keyPem: KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" }) as string,
  };
}
