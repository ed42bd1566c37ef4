/** What a CA has sent as a certificate: checked against what was asked for, and which of its chains is taken. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { AcmeError } from "./acme-error.ts";
import type { AcmeAnswer, AcmeSession } from "./acme-session.ts";
import { readUrl } from "./directory.ts";

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const maxAlternates = 8;

/** The certificates of a PEM text, in their order. @throws if one cannot be read */
export function readChain(pem: string): X509Certificate[] {
  return (pem.match(pemBlock) ?? []).map((block) => new X509Certificate(block));
}

/** The chain whose root or last issuer is called `preferred`; the first if there is none, or none is preferred. */
export async function choosePreferredChain(
  session: AcmeSession,
  answer: AcmeAnswer,
  preferred: string | null,
): Promise<string> {
  if (preferred === null || isIssuedUnder(answer.text, preferred)) return answer.text;
  for (const url of alternatesOf(answer.headers.link)) {
    const { text } = await session.fetch(url, "application/pem-certificate-chain");
    if (isIssuedUnder(text, preferred)) return text;
  }
  return answer.text;
}

function isIssuedUnder(pem: string, name: string): boolean {
  return readChain(pem).some(({ issuer }) => issuer.split("\n").includes(`CN=${name}`));
}

/** The URLs of `Link: <…>;rel="alternate"`. */
function alternatesOf(link: string | string[] | undefined): string[] {
  const text = Array.isArray(link) ? link.join(",") : (link ?? "");
  const found = [...text.matchAll(/<([^<>]*)>\s*;\s*rel="?alternate"?/g)].map(([, url]) => readUrl(url));
  return found.filter((url) => url !== null).slice(0, maxAlternates);
}

/** @throws AcmeError if the chain is not what was asked for: another key, names missing, already expired */
export function assertChain(pem: string, expected: { keyPem: string; names: readonly string[]; wallMs: number }): void {
  const problem = problemOf(pem, expected);
  if (problem !== null) throw new AcmeError({ type: "malformed", detail: `the CA has sent ${problem}` });
}

function problemOf(
  pem: string,
  { keyPem, names, wallMs }: { keyPem: string; names: readonly string[]; wallMs: number },
): string | null {
  let leaf: X509Certificate | undefined;
  try {
    [leaf] = readChain(pem);
  } catch {
    return "a certificate that cannot be read";
  }
  if (leaf === undefined) return "no certificate";
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) return "a certificate of another key";
  const certified = certifiedNames(leaf);
  const missing = names.find((name) => !certified.includes(name));
  if (missing !== undefined) return `a certificate without ${missing}`;
  return leaf.validToDate.getTime() <= wallMs ? "an expired certificate" : null;
}

/** The DNS names of a certificate, in lower case. */
export function certifiedNames(certificate: X509Certificate): string[] {
  return [...(certificate.subjectAltName ?? "").matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(([, name = ""]) =>
    name.toLowerCase(),
  );
}
