/** What is kept of an issued certificate, and of failures to get one: read back with suspicion. */
import { createHash } from "node:crypto";
import { asRecord } from "./client/acme-error.ts";

/** A certificate with its key, in one value: nobody sees one without the other. */
export interface StoredCertificate {
  readonly names: readonly string[];
  readonly keyPem: string;
  /** Leaf first. */
  readonly certPem: string;
  /** Who issued it, and to which account: `replaces` makes sense there alone. */
  readonly directoryUrl: string;
  readonly accountUrl: string;
}

/** Failures in a row. It outlives restarts: they would use up the CA's limits. */
export interface StoredFailure {
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly nextTryMs: number;
  readonly error: string;
  /** Tells the options that it was tried with: with others it is tried at once. */
  readonly optionsDigest: string;
}

/** @returns null if it is nothing of the kind, such as a torn file */
export function readStoredCertificate(text: string | null): StoredCertificate | null {
  const { names, keyPem, certPem, directoryUrl, accountUrl } = asRecord(parse(text));
  if (!Array.isArray(names) || typeof keyPem !== "string" || typeof certPem !== "string") return null;
  return {
    names: names.map(String),
    keyPem,
    certPem,
    directoryUrl: String(directoryUrl),
    accountUrl: String(accountUrl),
  };
}

/** @returns null if it is nothing of the kind */
export function readStoredFailure(text: string | null): StoredFailure | null {
  const { count, nextTryMs, error, optionsDigest } = asRecord(parse(text));
  if (typeof count !== "number" || typeof nextTryMs !== "number") return null;
  return { count, nextTryMs, error: String(error), optionsDigest: String(optionsDigest) };
}

/** A key for what belongs to one directory: staging and production share nothing. */
export function directoryKey(directoryUrl: string): string {
  return `${safe(new URL(directoryUrl).hostname)}-${digest(directoryUrl)}`;
}

/** A key for what belongs to one set of names. */
export function namesKey(names: readonly string[]): string {
  return `${safe(names[0] ?? "")}-${digest([...names].sort().join(" "))}`;
}

/** The first characters of a digest. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function safe(name: string): string {
  return name
    .replace(/^\*/, "_")
    .replace(/[^a-z0-9._-]/gi, "_")
    .replace(/^[.-]/, "_")
    .slice(0, 100);
}

function parse(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "") as unknown;
  } catch {
    return null;
  }
}
