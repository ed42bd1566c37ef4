/** Reads everything that TLS at one listener has in files: certificates, authorities of clients, the secret of tickets. */
import { createHash } from "node:crypto";
import { TimeSlices } from "../../base/time-slices.ts";
import { ocspSubjectOf, readOcspResponse, type Staple } from "../../net/tls/ocsp.ts";
import { pemCertificates } from "../../net/tls/pem.ts";
import type { CertificateFileOptions, ClientAuthOptions, ListenerTlsOptions } from "../../net/tls/options.ts";
import { CertificateError, type ReadCertificate, readCertificate } from "../../net/tls/read-certificate.ts";
import type { CertificateMaterial, ClientAuthMaterial, HostPolicyMaterial } from "../../net/tls/tls-material.ts";
import type { CertificateFiles, FileContents } from "./certificate-file.ts";
import { readClientAuth } from "./client-auth-files.ts";
import { FileFindings, type FileWarning } from "./file-findings.ts";

/** What the files of a listener hold. */
export interface ListenerFiles {
  /** In the order of the configuration. */
  readonly certificates: readonly FileCertificate[];
  readonly clientAuth: ClientAuthMaterial | null;
  readonly hosts: readonly HostPolicyMaterial[];
  /** Base64; null = none is configured. */
  readonly ticketSecret: string | null;
}

/** A certificate from files. */
export interface FileCertificate {
  readonly options: CertificateFileOptions;
  /** Without a staple. */
  readonly material: CertificateMaterial;
  /** What the file of `ocsp` holds; null = there is none, or it cannot be used. */
  readonly staple: Staple | null;
}

/** What was found: the files, and what to say of them. */
export interface ListenerFilesReading {
  readonly files: ListenerFiles;
  readonly warnings: readonly FileWarning[];
  /** Sentences about what could not be used and was kept as it was before. */
  readonly kept: readonly string[];
}

/** What reading depends on. */
export interface ReadingParts {
  readonly files: CertificateFiles;
  readonly cache: CertificateCache;
  readonly nowMs: number;
  /** What holds now: a file that cannot be used changes nothing then. Null = it is a reason to refuse the configuration. */
  readonly before: ListenerFiles | null;
}

const minSecretBytes = 32;

/** Reads them, in slices. @throws ConfigError with all problems, if there is no `before` */
export async function readListenerFiles(
  options: ListenerTlsOptions,
  parts: ReadingParts,
): Promise<ListenerFilesReading> {
  const reading = new Reading(parts);
  const certificates: FileCertificate[] = [];
  await parts.files.readAhead(options.certificates.flatMap(({ cert, key, chain }) => [cert, key, chain ?? cert]));
  const slices = new TimeSlices();
  for (const one of options.certificates) {
    const before = parts.before?.certificates.find((known) => isSameCertificate(known.options, one)) ?? null;
    const read = await reading.item(before, (findings) => readFileCertificate(one, parts, { findings, before }));
    if (read !== null) certificates.push(read);
    const pause = slices.pause();
    if (pause !== null) await pause;
  }
  const clientAuth = await reading.clientAuth(options.clientAuth, parts.before?.clientAuth ?? null);
  const hosts: HostPolicyMaterial[] = [];
  for (const [index, { host, clientAuth: own }] of options.hosts.entries()) {
    const before = parts.before?.hosts[index];
    hosts.push({ names: host, clientAuth: await reading.clientAuth(own, before?.clientAuth ?? null) });
  }
  const secret = options.tickets?.secret ?? null;
  const ticketSecret =
    secret === null
      ? null
      : await reading.item(parts.before?.ticketSecret ?? null, (findings) => readSecret(secret, parts.files, findings));
  reading.findings.assertFine();
  const { findings, kept } = reading;
  return { files: { certificates, clientAuth, hosts, ticketSecret }, warnings: findings.warnings, kept };
}

/** Keeps what was before if something cannot be used, or gathers that as a reason to refuse. */
class Reading {
  readonly findings = new FileFindings();
  readonly kept: string[] = [];
  readonly #parts: ReadingParts;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
  }

  async item<Item>(before: Item | null, read: (findings: FileFindings) => Promise<Item | null>): Promise<Item | null> {
    const findings = this.#parts.before === null ? this.findings : new FileFindings();
    const item = await read(findings);
    if (findings === this.findings) return item;
    this.findings.warnings.push(...findings.warnings);
    this.kept.push(...findings.sentences);
    return findings.hasProblems ? before : item;
  }

  /** Rules that cannot be read are never taken for "no rules". */
  clientAuth(options: ClientAuthOptions | null, before: ClientAuthMaterial | null): Promise<ClientAuthMaterial | null> {
    if (options === null) return Promise.resolve(null);
    return this.item(before, (findings) => readClientAuth(options, { ...this.#parts, findings }));
  }
}

async function readFileCertificate(
  options: CertificateFileOptions,
  { files, cache, nowMs }: ReadingParts,
  { findings, before }: { findings: FileFindings; before: FileCertificate | null },
): Promise<FileCertificate | null> {
  let read: FileCertificate | null = null;
  let key: FileContents | null = null;
  await findings.collect(options.key, async () => {
    key = await files.read(options.key);
    if (key.isReadableByAll) findings.warn(options.key, "is a private key that everybody on this machine may read");
  });
  await findings.collect(options.cert, async () => {
    const cert = await files.read(options.cert);
    const chain = options.chain === null ? null : await files.read(options.chain);
    if (key === null) return;
    const { material, warnings } = cache.read({ cert, key, chain }, nowMs);
    const hasExpired = ({ notAfterMs }: CertificateMaterial): boolean => notAfterMs <= nowMs;
    if (before !== null && hasExpired(material) && !hasExpired(before.material))
      throw new CertificateError("holds a certificate that has expired; the one before has not");
    for (const warning of warnings) findings.warn(options.cert, warning);
    read = { options, material, staple: null };
  });
  const { ocsp } = options;
  if (read === null || ocsp === "auto" || ocsp === "off" || ocsp === false) return read;
  const staple = await readStapleFile(ocsp, (read as FileCertificate).material, { files, findings, nowMs });
  return Object.assign({}, read as FileCertificate, { staple });
}

/** A staple is no reason to refuse anything: clients do without. */
async function readStapleFile(
  path: string,
  { certPem }: CertificateMaterial,
  { files, findings, nowMs }: { files: CertificateFiles; findings: FileFindings; nowMs: number },
): Promise<Staple | null> {
  try {
    const { bytes } = await files.read(path);
    const subject = ocspSubjectOf(pemCertificates(certPem));
    if (subject === null)
      throw new CertificateError("cannot be checked, as the chain does not hold what issued the certificate");
    return readOcspResponse(bytes, subject, nowMs);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    findings.warn(path, `${error.message}; nothing is stapled`);
    return null;
  }
}

async function readSecret(path: string, files: CertificateFiles, findings: FileFindings): Promise<string | null> {
  let secret: string | null = null;
  await findings.collect(path, async () => {
    const { bytes, isReadableByAll } = await files.read(path);
    if (bytes.length < minSecretBytes)
      throw new CertificateError(`is too short for a secret: at least ${minSecretBytes} bytes`);
    if (isReadableByAll) findings.warn(path, "is a secret that everybody on this machine may read");
    secret = bytes.toString("base64");
  });
  return secret;
}

function isSameCertificate(one: CertificateFileOptions, other: CertificateFileOptions): boolean {
  return one.cert === other.cert && one.key === other.key && one.chain === other.chain;
}

/** What was read before: most files of a reload are the same. What the last two rounds did not use is forgotten. */
export class CertificateCache {
  #current = new Map<string, ReadCertificate>();
  #last = new Map<string, ReadCertificate>();

  /** A round begins: every certificate will be asked for that is used. */
  beginRound(): void {
    this.#last = this.#current;
    this.#current = new Map();
  }

  /** As `readCertificate`. */
  read(texts: { cert: FileContents; key: FileContents; chain: FileContents | null }, nowMs: number): ReadCertificate {
    const { cert, key, chain } = texts;
    const day = Math.floor(nowMs / 86_400_000);
    const id = createHash("sha256").update(`${cert.digest} ${key.digest} ${chain?.digest} ${day}`).digest("base64url");
    const known = this.#current.get(id) ?? this.#last.get(id);
    const text = ({ bytes }: FileContents): string => bytes.toString("latin1");
    const read =
      known ?? readCertificate({ cert: text(cert), key: text(key), chain: chain === null ? null : text(chain) }, nowMs);
    this.#current.set(id, read);
    return read;
  }
}
