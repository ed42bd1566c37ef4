/** The hosts of `match.host`: what may be written, and what it means. */
import { domainToASCII } from "node:url";
import { ipVersion } from "../base/ip-address.ts";
import { toLowerAscii } from "../http/field-text.ts";
import { isHostName } from "../net/listen-address.ts";

/** A host pattern: the exact name, or the suffix (with its dot) that names must end in, or any. */
export interface HostPattern {
  readonly kind: "exact" | "suffix" | "any";
  /** In lower case, without a dot at the end. */
  readonly text: string;
}

/** Every host, and none. */
export const anyHost: HostPattern = { kind: "any", text: "" };

/**
 * Reads `name`, `*.suffix` (one or more labels in front, not the suffix itself), `[IPv6]` or `*`. @throws RangeError
 * that says what to write instead
 */
export function parseHostPattern(pattern: string): HostPattern {
  const host = toLowerAscii(pattern).replace(/\.$/, "");
  if (host === "*") return anyHost;
  const isWildcard = host.startsWith("*.");
  const name = isWildcard ? host.slice(2) : host;
  if (isHostName(name) && !name.endsWith("."))
    return isWildcard ? { kind: "suffix", text: host.slice(1) } : { kind: "exact", text: host };
  if (/^\[.*\]$/.test(host) && ipVersion(host.slice(1, -1)) === 6) return { kind: "exact", text: host };
  throw new RangeError(explain(pattern, name, isWildcard));
}

/** `pattern` as it is written in normal form. */
export function formatHostPattern({ kind, text }: HostPattern): string {
  return kind === "exact" ? text : `*${text}`;
}

function explain(pattern: string, name: string, isWildcard: boolean): string {
  const shown = JSON.stringify(pattern);
  const ascii = /[^\x00-\x7f]/.test(pattern) ? domainToASCII(name) : "";
  if (ascii !== "") return `${shown} is not ASCII; write ${JSON.stringify(isWildcard ? `*.${ascii}` : ascii)}`;
  if (/^[^:]+:\d+$/.test(pattern)) return `${shown} has a port; hosts are matched without it`;
  if (pattern.includes("://")) return `${shown} is a URL; write the host alone`;
  if (pattern.includes("*")) return `${shown}: a wildcard stands for whole labels in front, as in "*.example.com"`;
  return `${shown} is not a host; write for example "api.example.com" or "*.example.com"`;
}
