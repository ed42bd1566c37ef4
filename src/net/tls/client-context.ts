/**
 * The contexts of OpenSSL for connections that this side opens: what is trusted, what is shown, which versions are
 * spoken. One for all connections with the same settings: a context for each connection would be a megabyte of garbage
 * that no collector sees (nodejs/node#66002), and loading authorities takes longer than a handshake.
 */
import type { SecureContext } from "node:tls";
import { cryptoLibrary } from "../../base/crypto-library.ts";
import { nodeTls } from "./node-tls.ts";

/** What connections are opened with, read from files. Plain data. */
export interface ClientTlsTexts {
  /** A digest of the rest: the same text means the same settings. */
  readonly id: string;
  /** PEM: nobody else is trusted; null = the authorities that Node.js trusts. */
  readonly caPem: string | null;
  /** PEM: a list of each authority in `caPem`; null = revocation is not checked. */
  readonly crlPem: string | null;
  /** PEM: the certificate that is shown to who asks for one, leaf first; null = none. Its key is `keyPem`. */
  readonly certPem: string | null;
  readonly keyPem: string | null;
}

/** No file is named. */
export const noClientTexts: ClientTlsTexts = { id: "", caPem: null, crlPem: null, certPem: null, keyPem: null };

/** The least version that is spoken. */
export type LeastTlsVersion = "1.2" | "1.3";

/** Those in use in this thread, by their settings; gone with the last that uses them. */
const known = new Map<string, WeakRef<SecureContext>>();
/** More entries than this are looked through for contexts that are gone. */
const sweepSize = 64;

/**
 * The context for `texts`, made when it is asked for the first time.
 * @throws OpenSSL's error if it cannot use them; whoever has read them has tried it before
 */
export function clientContextOf(texts: ClientTlsTexts, minVersion: LeastTlsVersion): SecureContext {
  const key = `${minVersion} ${texts.id}`;
  const before = known.get(key)?.deref();
  if (before !== undefined) return before;
  if (known.size >= sweepSize)
    for (const [other, reference] of known) if (reference.deref() === undefined) known.delete(other);
  const { caPem, crlPem, certPem, keyPem } = texts;
  const made = nodeTls().createSecureContext({
    minVersion: minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2",
    // A peer that begins another handshake could show another certificate in it (CVE-2026-87018).
    secureOptions: cryptoLibrary().constants.SSL_OP_NO_RENEGOTIATION,
    // Whoever names an authority trusts it, whether or not somebody has issued it (as in Go).
    ...(caPem !== null && { ca: caPem, allowPartialTrustChain: true }),
    ...(crlPem !== null && { crl: crlPem }),
    ...(certPem !== null && keyPem !== null && { cert: certPem, key: keyPem }),
  });
  known.set(key, new WeakRef(made));
  return made;
}
