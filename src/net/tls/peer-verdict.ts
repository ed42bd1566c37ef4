/** Whether a server is who it has to be: what OpenSSL says of its chain, and whether the certificate holds for its name. */
import type { X509Certificate } from "node:crypto";
import { isCertificateFor, type PeerName } from "./peer-name.ts";

/**
 * Why TLS with a server did not come about. `untrusted`: no authority that is trusted has issued its certificate, or it
 * was revoked; `expired`: it is not valid now; `wrong-name`: it is somebody else's; `refused`: the server wants a certificate
 * of us, or another one; `protocol`: everything else, from a server that speaks no TLS to one with which we have no
 * version or cipher in common.
 */
export type TlsFailureKind = "untrusted" | "expired" | "wrong-name" | "refused" | "protocol";

/** A failure, and what tells about it. */
export interface TlsFailure {
  readonly kind: TlsFailureKind;
  /** OpenSSL's code, or words of ours. Nothing that the peer has sent. */
  readonly detail: string;
}

/** What is known of a server after the handshake. */
export interface HandshakenPeer {
  /** OpenSSL's code for what is wrong with the chain; null = nothing. */
  readonly chainError: string | null;
  /** Null = it has shown none. */
  readonly certificate: X509Certificate | null;
}

const expiredCodes = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CRL_HAS_EXPIRED", "CRL_NOT_YET_VALID"]);

/** What is wrong with `peer`, which has to be `name`; null = nothing. */
export function judgePeer({ chainError, certificate }: HandshakenPeer, name: PeerName): TlsFailure | null {
  if (certificate === null) return { kind: "untrusted", detail: "no certificate" };
  if (chainError !== null) return { kind: expiredCodes.has(chainError) ? "expired" : "untrusted", detail: chainError };
  if (!isCertificateFor(certificate, name))
    return { kind: "wrong-name", detail: `its certificate does not hold for ${name.text}` };
  return null;
}

/**
 * What peers say in an alert if they do not like the certificate that they were shown, or that none was shown (RFC 8446
 * section 6.2). In TLS 1.3 it comes when the handshake is over for this side.
 */
const refusalAlerts =
  /_ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)$/;

/** Does this code of OpenSSL say that the peer refuses our certificate? `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED` does. */
export function isRefusal(code: string | undefined): boolean {
  return code !== undefined && refusalAlerts.test(code);
}

/** The failure that an error of a handshake means. */
export function toTlsFailure(error: NodeJS.ErrnoException | null): TlsFailure {
  const code = error?.code;
  return { kind: isRefusal(code) ? "refused" : "protocol", detail: code ?? "closed in the handshake" };
}
