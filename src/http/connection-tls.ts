/** What is known of a client's connection that is encrypted, for whoever decides by it, forwards it or logs it. */

/** A certificate, read when it is asked for: `X509Certificate` of Node.js is one. */
export interface PeerCertificate {
  /** `CN=a\nO=b`, the most general part last or first, as the certificate has it; values escaped as in RFC 4514. */
  readonly subject: string;
  /** `DNS:a, URI:b`. */
  readonly subjectAltName?: string | undefined;
  /** SHA-256: hexadecimal digits with colons between. */
  readonly fingerprint256: string;
  /** DER. */
  readonly raw: Buffer;
  /** As `subject`, of whoever issued it. */
  readonly issuer: string;
}

/**
 * How much of a client's certificate endpoints are told: nothing; whether it holds, and whose it is; besides that the
 * certificate itself; and besides that what issued it (RFC 9440).
 */
export type CertificateForwarding = "none" | "summary" | "certificate" | "chain";

/** A client that was asked for a certificate. */
export interface ConnectionClient {
  /** Null = it has none. Whose it says it is holds only if there is no `verifyError`. */
  readonly certificate: PeerCertificate | null;
  /** What issued it, and so on up to the root, as far as the client has sent that; of a resumed session nothing. */
  readonly issuers: readonly PeerCertificate[];
  /** Why the certificate does not hold, as OpenSSL names it: `CERT_HAS_EXPIRED`; null = it does, or there is none. */
  readonly verifyError: string | null;
  readonly forward: CertificateForwarding;
  /** What endpoints are told; null = not made yet. */
  fields: string | null;
}

/** TLS of a client's connection. */
export interface ConnectionTls {
  /** `1.2` or `1.3`. */
  readonly version: string;
  /** As IANA names it: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
  /** It goes on with a session of an earlier connection. */
  readonly isResumed: boolean;
  /** What the client asked for (SNI), in lower case; null = nothing. */
  readonly serverName: string | null;
  /** The same text means the same rules about client certificates: see `MISDIRECTED`. */
  readonly policyId: string;
  /** Null = clients are not asked for certificates at the host that this one has asked for. */
  readonly client: ConnectionClient | null;
  /** What the access log writes of it, for each request the same; empty = not made yet. */
  logged: string;
}
