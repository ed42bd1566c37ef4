/** A certificate authority for tests: it certifies whatever it is told to, at once, with small keys. */
import type * as X509 from "@peculiar/x509";
import { webcrypto } from "node:crypto";
import { loadX509 } from "../../base/x509-library.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const rsa = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2_048,
  publicExponent: Uint8Array.of(1, 0, 1),
  hash: "SHA-256",
};
const dayMs = 86_400_000;

/** A certificate with its key, both PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface CertificateWish {
  /** Host names; default: none. */
  readonly names?: readonly string[];
  /** Addresses; default: none. */
  readonly ips?: readonly string[];
  /** Default: `CN=` and the first name. */
  readonly subject?: string;
  /** Days from now; default: -1 and 30. */
  readonly fromDays?: number;
  readonly toDays?: number;
  /** Of its key; default: `ec`. */
  readonly keyType?: "ec" | "rsa";
  /** Where its OCSP responder is; default: it names none. */
  readonly responder?: string;
}

/** An authority with a root of its own. */
export class TestAuthority {
  /** PEM. */
  readonly root: string;
  readonly #x509: typeof X509;
  readonly #certificate: X509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  #serial = 1;

  private constructor(x509: typeof X509, certificate: X509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#x509 = x509;
    this.#certificate = certificate;
    this.#keys = keys;
    this.root = `${certificate.toString("pem")}\n`;
  }

  static async create(name = "Test Authority"): Promise<TestAuthority> {
    const x509 = await loadX509();
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + 365 * dayMs),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    return new TestAuthority(x509, certificate, keys);
  }

  /** A certificate that this authority has issued. */
  async issue({ names = [], ips = [], ...wish }: CertificateWish): Promise<TestCertificate> {
    const x509 = this.#x509;
    const keys = await generateKeys(wish.keyType);
    const alternatives = [
      ...names.map((value) => ({ type: "dns" as const, value })),
      ...ips.map((value) => ({ type: "ip" as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (++this.#serial).toString(16).padStart(4, "0"),
      subject: wish.subject ?? `CN=${names[0] ?? "test"}`,
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() + (wish.fromDays ?? -1) * dayMs),
      notAfter: new Date(Date.now() + (wish.toDays ?? 30) * dayMs),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        ...(alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternatives)]),
        ...(wish.responder === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ ocsp: wish.responder })]),
      ],
    });
    return { cert: `${certificate.toString("pem")}\n`, key: await exportKey(keys) };
  }

  /** Its own key (PEM), for tools that are to sign for it. */
  rootKey(): Promise<string> {
    return exportKey(this.#keys);
  }

  /** A list (PEM) of what this authority has revoked. @param toDays until when it counts, from now */
  async revoke(certificates: readonly TestCertificate[], toDays = 30): Promise<string> {
    const list = await this.#x509.X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      thisUpdate: new Date(Date.now() - 40 * dayMs),
      nextUpdate: new Date(Date.now() + toDays * dayMs),
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      entries: certificates.map(({ cert }) => ({
        serialNumber: new this.#x509.X509Certificate(cert).serialNumber,
        revocationDate: new Date(Date.now() - dayMs),
      })),
    });
    // OpenSSL knows no other label (RFC 7468 section 6).
    return `${list.toString("pem").replaceAll(" CRL-", " X509 CRL-")}\n`;
  }
}

function generateKeys(keyType: CertificateWish["keyType"] = "ec"): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyType === "rsa" ? rsa : algorithm, true, [
    "sign",
    "verify",
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

async function exportKey({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}
