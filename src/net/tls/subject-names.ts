/** The names that a certificate holds for. */
import type { X509Certificate } from "node:crypto";

/**
 * In lower case, without a dot at the end, each once. A certificate without subjectAltName has the common name of its
 * subject: clients of today refuse it, but old ones inside of companies do not.
 */
export function subjectNames(certificate: X509Certificate): readonly string[] {
  const names = new Set<string>();
  // Node writes a name with special characters as JSON text, so that nobody takes its inside for another name.
  for (const [, kind, quoted, plain] of (certificate.subjectAltName ?? "").matchAll(
    /(?:^|, )(DNS|IP Address):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g,
  )) {
    if (quoted !== undefined) continue;
    const name = (plain ?? "").toLowerCase();
    names.add(kind === "DNS" ? name.replace(/\.$/, "") : name);
  }
  if (names.size === 0 && certificate.subjectAltName === undefined) {
    const common = /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject)?.[1];
    if (common !== undefined && /^[a-z0-9.*-]+$/i.test(common)) names.add(common.toLowerCase());
  }
  names.delete("");
  return [...names];
}
