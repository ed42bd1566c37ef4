/**
 * Reads whose client certificates are taken. OpenSSL takes an empty or unreadable bundle for "the public authorities",
 * and with one list missing it lets nobody of that authority in; so both are refused here.
 */
import { X509Certificate } from "node:crypto";
import type { ClientAuthOptions } from "../../net/tls/options.ts";
import { pemCertificates } from "../../net/tls/pem.ts";
import { CertificateError } from "../../net/tls/read-certificate.ts";
import { readRevocationLists } from "../../net/tls/revocation-lists.ts";
import type { ClientAuthMaterial } from "../../net/tls/tls-material.ts";
import type { CertificateFiles } from "./certificate-file.ts";
import type { FileFindings } from "./file-findings.ts";

/** A list that is out of date lets nobody in: people are told this long before. */
const noticeMs = 86_400_000;

/** Null if something is wrong, which is among the findings. */
export async function readClientAuth(
  options: ClientAuthOptions,
  { files, findings, nowMs }: { files: CertificateFiles; findings: FileFindings; nowMs: number },
): Promise<ClientAuthMaterial | null> {
  const authorities: string[] = [];
  for (const file of options.ca)
    await findings.collect(file, async () => {
      const pems = pemCertificates(await files.readText(file));
      if (pems.length === 0) throw new CertificateError("holds no certificate (PEM)");
      for (const [index, pem] of pems.entries()) {
        const { subject, validTo } = parse(pem, index);
        if (Date.parse(validTo) <= nowMs)
          findings.warn(file, `holds an authority that has expired: ${JSON.stringify(subject.replaceAll("\n", ", "))}`);
      }
      authorities.push(...pems);
    });
  const caPem = authorities.join("");
  const lists: string[] = [];
  for (const file of options.crl)
    await findings.collect(file, async () => {
      lists.push(await files.readText(file));
    });
  let crlEndMs: number | null = null;
  const [firstList = ""] = options.crl;
  if (options.crl.length > 0 && !findings.hasProblems)
    await findings.collect(firstList, async () => {
      const { nextUpdateMs } = readRevocationLists(lists.join("\n"), caPem);
      if (Number.isFinite(nextUpdateMs)) crlEndMs = nextUpdateMs;
      if (nextUpdateMs <= nowMs)
        findings.warn(firstList, "holds a list that is out of date: no client is let in by it");
      else if (nextUpdateMs <= nowMs + noticeMs)
        findings.warn(
          firstList,
          `holds a list that is out of date from ${new Date(nextUpdateMs).toISOString()} on: then no client is let in`,
        );
    });
  if (findings.hasProblems) return null;
  return {
    mode: options.mode,
    forward: options.forward,
    caPem,
    crlPem: lists.length === 0 ? null : lists.join("\n"),
    crlEndMs,
  };
}

function parse(pem: string, index: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError(`holds a certificate that cannot be read, number ${index + 1}`);
  }
}
