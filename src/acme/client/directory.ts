/** The directory of an ACME server (RFC 8555, section 7.1.1), read with suspicion. */
import { AcmeError, asRecord } from "./acme-error.ts";

/** The URLs of a server, and what it says of itself. */
export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  /** RFC 9773; null if the server has none. */
  readonly renewalInfo: string | null;
  readonly requiresBinding: boolean;
  /** The names of the profiles that it has; empty if it has none. */
  readonly profiles: readonly string[];
}

/** @throws AcmeError of the type `malformed` if a URL is missing */
export function readDirectory(document: unknown, directoryUrl: string): Directory {
  const record = asRecord(document);
  const meta = asRecord(record["meta"]);
  const required = (name: string): string => {
    const url = readUrl(record[name]);
    if (url !== null) return url;
    throw new AcmeError({ type: "malformed", detail: `${directoryUrl} is not an ACME directory: it has no ${name}` });
  };
  return {
    newNonce: required("newNonce"),
    newAccount: required("newAccount"),
    newOrder: required("newOrder"),
    renewalInfo: readUrl(record["renewalInfo"]),
    requiresBinding: meta["externalAccountRequired"] === true,
    profiles: Object.keys(asRecord(meta["profiles"])),
  };
}

/** A URL that can be asked; null if it is none. */
export function readUrl(value: unknown): string | null {
  return typeof value === "string" && /^https?:\/\//.test(value) && URL.canParse(value) ? value : null;
}
