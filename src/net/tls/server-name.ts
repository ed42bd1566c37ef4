/** Names of hosts in TLS: what a client asks for, and what certificates and policies are looked up by. */
import { ipVersion } from "../../base/ip-address.ts";

const maxNameChars = 253;
/** An underscore is no character of host names, but names that DNS serves and browsers open have it. */
const namePattern =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;

/**
 * A host name in the one form that names are compared in: lower case, without the dot of the root (RFC 1034 section
 * 3.1). Null if `text` is no host name; an IP address is none (RFC 6066 section 3).
 */
export function normalizeServerName(text: string): string | null {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length > maxNameChars || !namePattern.test(name) || ipVersion(name) !== 0) return null;
  return name.toLowerCase();
}
