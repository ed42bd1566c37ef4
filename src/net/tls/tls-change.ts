/** The way from one `TlsMaterial` to the next, so that a thread is posted what is new and nothing else. */
import type { CertificateMaterial, TlsMaterial } from "./tls-material.ts";

/** What is other than before. Plain data. */
export interface TlsChange {
  /** New, or with another staple. */
  readonly certificates: readonly CertificateMaterial[];
  /** Ids. */
  readonly dropped: readonly string[];
  readonly listeners: TlsMaterial["listeners"];
  readonly challenges: TlsMaterial["challenges"];
}

/** Null = nothing changes. */
export function tlsChange(before: TlsMaterial, after: TlsMaterial): TlsChange | null {
  if (before === after) return null;
  const certificates = [...after.certificates.values()].filter((one) => before.certificates.get(one.id) !== one);
  const dropped = [...before.certificates.keys()].filter((id) => !after.certificates.has(id));
  return { certificates, dropped, listeners: after.listeners, challenges: after.challenges };
}

/** What stands after the change. Certificates that stay are the same objects. */
export function withTlsChange(before: TlsMaterial, change: TlsChange): TlsMaterial {
  const { listeners, challenges } = change;
  if (change.certificates.length === 0 && change.dropped.length === 0)
    return { certificates: before.certificates, listeners, challenges };
  const certificates = new Map(before.certificates);
  for (const id of change.dropped) certificates.delete(id);
  for (const certificate of change.certificates) certificates.set(certificate.id, certificate);
  return { certificates, listeners, challenges };
}
