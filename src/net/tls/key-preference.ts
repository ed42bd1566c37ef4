/** Which kinds of keys a client can verify, by its ClientHello. */
import { type ClientHello, TlsVersion } from "./client-hello.ts";
import type { CertificateKeyType } from "./tls-material.ts";

/** What of a ClientHello it depends on. */
export type KeyPreferences = Pick<ClientHello, "cipherSuites" | "signatureAlgorithms" | "supportedVersions">;

/** RFC 8446 section 4.2.3; those that a TLS 1.2 client may name alone are among them. */
const algorithms: Record<CertificateKeyType, readonly number[]> = {
  // ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ecdsa_secp521r1_sha512
  ec: [0x0403, 0x0503, 0x0603],
  // rsa_pss_rsae_*, rsa_pkcs1_*
  rsa: [0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601],
  ed25519: [0x0807],
};
/** The suites of TLS 1.2 that we offer and that are signed with a key of an elliptic curve (RFC 5289, RFC 7905). */
const curveSuites: ReadonlySet<number> = new Set([0xc02b, 0xc02c, 0xcca9]);

/** Can the client verify a certificate with such a key? */
export function canVerify(client: KeyPreferences, keyType: CertificateKeyType): boolean {
  if (!client.signatureAlgorithms.some((algorithm) => algorithms[keyType].includes(algorithm))) {
    // Without the extension, a client of TLS 1.2 takes what its suites name (RFC 5246 section 7.4.1.4.1).
    return client.signatureAlgorithms.length === 0 && keyType === "rsa";
  }
  if (client.supportedVersions.includes(TlsVersion.tls13)) return true;
  return keyType === "rsa" || client.cipherSuites.some((suite) => curveSuites.has(suite));
}
