/**
 * Checks what connections to TLS servers are to be opened with, before it is used: whom to trust, and what to show. An
 * empty file of authorities would silently mean the well-known ones.
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { type ClientTlsTexts, noClientTexts } from "./client-context.ts";
import { nodeTls } from "./node-tls.ts";
import { pemCertificates } from "./pem.ts";
import { CertificateError } from "./read-certificate.ts";
import { readRevocationLists } from "./revocation-lists.ts";

/** Which of the texts is meant. */
export type ClientTextName = "ca" | "crl" | "cert" | "key";

/** Something is wrong with one of the texts; the message is the end of a sentence about the file. */
export class ClientTextError extends CertificateError {
  readonly text: ClientTextName;

  constructor(text: ClientTextName, message: string) {
    super(message);
    this.text = text;
  }
}

/** What people should know of texts that can be used. */
export interface ReadClientTexts {
  readonly texts: ClientTlsTexts;
  /** The end of a sentence about the file each, as `has expired`. */
  readonly warnings: readonly { readonly text: ClientTextName; readonly message: string }[];
}

/** Reads and checks what files hold; null = none is named. @throws ClientTextError */
export function readClientTexts(
  given: Readonly<Record<ClientTextName, string | null>>,
  wallMs: number = Date.now(),
): ReadClientTexts {
  const { ca, crl, cert, key } = given;
  if (ca === null && cert === null) return { texts: noClientTexts, warnings: [] };
  const warnings: ReadClientTexts["warnings"][number][] = [];
  const warn = (text: ClientTextName, message: string): void => void warnings.push({ text, message });
  const authorities = ca === null ? [] : certificatesOf("ca", ca);
  if (authorities.length > 0 && authorities.every(({ validTo }) => Date.parse(validTo) <= wallMs))
    warn("ca", "holds nothing but certificates that have expired");
  if (crl !== null && ca !== null) {
    const { nextUpdateMs } = attempt("crl", () => readRevocationLists(crl, ca));
    if (nextUpdateMs <= wallMs)
      warn("crl", "holds a list that is out of date: endpoints are refused until it is renewed");
  }
  const leaf = cert === null ? null : certificatesOf("cert", cert)[0]!;
  if (leaf !== null && key !== null) {
    const privateKey = attempt("key", () => readKey(key));
    if (!leaf.checkPrivateKey(privateKey))
      throw new ClientTextError("cert", "does not belong to the key: the public keys differ");
    if (Date.parse(leaf.validTo) <= wallMs) warn("cert", `has expired (${leaf.validTo})`);
  }
  const clean = {
    caPem: ca === null ? null : pemCertificates(ca).join(""),
    crlPem: crl,
    certPem: cert === null ? null : pemCertificates(cert).join(""),
    keyPem: key,
  };
  const { caPem, crlPem, certPem, keyPem } = clean;
  attempt(certPem === null ? "ca" : "cert", () =>
    nodeTls().createSecureContext({
      ...(caPem !== null && { ca: caPem }),
      ...(crlPem !== null && { crl: crlPem }),
      ...(certPem !== null && keyPem !== null && { cert: certPem, key: keyPem }),
    }),
  );
  const id = createHash("sha256").update(JSON.stringify(clean)).digest("base64url");
  return { texts: { id, ...clean }, warnings };
}

function certificatesOf(name: ClientTextName, text: string): X509Certificate[] {
  const pems = pemCertificates(text);
  if (pems.length === 0) throw new ClientTextError(name, "holds no certificate (PEM)");
  return pems.map((pem, index) => {
    try {
      return new X509Certificate(pem);
    } catch {
      throw new ClientTextError(name, `holds a certificate that cannot be read, number ${index + 1}`);
    }
  });
}

function readKey(text: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const isLocked = (error as NodeJS.ErrnoException).code === "ERR_MISSING_PASSPHRASE";
    throw new CertificateError(
      isLocked ? "is encrypted; write it without a passphrase" : "holds no private key that can be read (PEM)",
    );
  }
}

function attempt<Result>(name: ClientTextName, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const message = (error as Error).message;
    throw new ClientTextError(name, error instanceof CertificateError ? message : `is refused by OpenSSL: ${message}`);
  }
}
