/**
 * A certificate with its key that issues others: the root of a local authority, or what stands between it and the
 * certificates of hosts. How they are made, and what they may issue (RFC 5280 section 4.2).
 */
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import type * as X509 from "@peculiar/x509";
import { loadX509 } from "../base/x509-library.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate and its key as text (PEM), as they are kept. */
export interface IssuerTexts {
  readonly certPem: string;
  readonly keyPem: string;
}

/** What a certificate is made of. */
export interface Wish {
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Names of a host certificate, at least one in both together. */
export interface HostNames {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

/** Issues certificates. Nothing that it issues outlives it. */
export class Issuer {
  readonly texts: IssuerTexts;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly #x509: typeof X509;
  readonly #certificate: X509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(x509: typeof X509, texts: IssuerTexts, key: webcrypto.CryptoKey) {
    this.texts = texts;
    this.#x509 = x509;
    this.#certificate = new x509.X509Certificate(texts.certPem);
    this.#key = key;
    this.notBeforeMs = this.#certificate.notBefore.getTime();
    this.notAfterMs = this.#certificate.notAfter.getTime();
  }

  /** @throws if they are no certificate and key of one pair that may issue */
  static async read(texts: IssuerTexts): Promise<Issuer> {
    const x509 = await loadX509();
    const keyObject = createPrivateKey(texts.keyPem);
    const issuer = new Issuer(x509, texts, await toCryptoKey(keyObject));
    const spki = Buffer.from(issuer.#certificate.publicKey.rawData);
    const own = createPublicKey(keyObject).export({ format: "der", type: "spki" });
    if (!spki.equals(own)) throw new Error("the key is not that of the certificate");
    return issuer;
  }

  isIssuedBy(other: Issuer): boolean {
    const own = new X509Certificate(this.texts.certPem);
    const { subject, publicKey } = new X509Certificate(other.texts.certPem);
    return own.issuer === subject && own.verify(publicKey);
  }

  /** A new root, which has issued itself. */
  static async createRoot(wish: Wish): Promise<Issuer> {
    const x509 = await loadX509();
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: randomSerial(),
      name: wish.subject,
      notBefore: new Date(wish.notBeforeMs),
      notAfter: new Date(wish.notAfterMs),
      keys,
      signingAlgorithm: algorithm,
      extensions: [...authorityExtensions(x509, 1), await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)],
    });
    return new Issuer(x509, { certPem: toPem(certificate), keyPem: await exportKey(keys) }, keys.privateKey);
  }

  /** One below this one, which issues certificates of hosts alone. */
  async createIntermediate(wish: Wish): Promise<Issuer> {
    const keys = await generateKeys();
    const certificate = await this.#issue(wish, keys, authorityExtensions(this.#x509, 0));
    return new Issuer(this.#x509, { certPem: toPem(certificate), keyPem: await exportKey(keys) }, keys.privateKey);
  }

  /** A certificate of a host, with a key of its own. */
  async createHost({ names, addresses }: HostNames, wish: Wish): Promise<IssuerTexts> {
    const x509 = this.#x509;
    const keys = await generateKeys();
    const certificate = await this.#issue(wish, keys, [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: "dns" as const, value })),
        ...addresses.map((value) => ({ type: "ip" as const, value })),
      ]),
    ]);
    return { certPem: toPem(certificate), keyPem: await exportKey(keys) };
  }

  async #issue(
    { subject, notBeforeMs, notAfterMs }: Wish,
    keys: webcrypto.CryptoKeyPair,
    extensions: X509.Extension[],
  ): Promise<X509.X509Certificate> {
    const x509 = this.#x509;
    return x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject,
      issuer: this.#certificate.subject,
      notBefore: new Date(Math.max(notBeforeMs, this.notBeforeMs)),
      notAfter: new Date(Math.min(notAfterMs, this.notAfterMs)),
      publicKey: keys.publicKey,
      signingKey: this.#key,
      signingAlgorithm: algorithm,
      extensions: [
        ...extensions,
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey),
      ],
    });
  }
}

/** @param below how many authorities may stand below it */
function authorityExtensions(x509: typeof X509, below: number): X509.Extension[] {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(true, below, true),
    new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
  ];
}

/** Positive, and of one length (RFC 5280 section 4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString("hex");
}

const toPem = (certificate: X509.X509Certificate): string => `${certificate.toString("pem")}\n`;

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

async function exportKey({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return KeyObject.from(privateKey).export({ format: "pem", type: "pkcs8" }) as string;
}

function toCryptoKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}
