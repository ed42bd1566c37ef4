/** What TLS has told about a client. */
import type { X509Certificate } from "node:crypto";
import type { WireClient, WireTls } from "../wire.ts";
import type { ContextChoice } from "./server-contexts.ts";
import type { TlsFacts } from "./tls-socket.ts";

/** The facts of one connection. Certificates are read at once, as nothing can be asked of a connection that is closed. */
export class ClientTls implements WireTls {
  readonly serverName: string | null;
  readonly alpn: string | null;
  readonly version: string;
  readonly cipher: string;
  readonly isResumed: boolean;
  readonly policyId: string;
  readonly client: WireClient | null;
  logged = "";

  constructor(facts: TlsFacts, serverName: string | null, choice: ContextChoice) {
    this.serverName = serverName;
    this.alpn = facts.alpn;
    this.version = facts.protocol.replace(/^TLSv/, "");
    this.cipher = facts.cipher;
    this.isResumed = facts.isResumed;
    this.policyId = choice.policyId;
    this.client = choice.verify === "none" ? null : new ClientOfTls(facts, choice);
  }

  /** The client has shown a certificate of the authorities that are asked for. */
  get hasValidCertificate(): boolean {
    const { client } = this;
    return client !== null && client.certificate !== null && client.verifyError === null;
  }
}

class ClientOfTls implements WireClient {
  readonly certificate: X509Certificate | null;
  readonly issuers: readonly X509Certificate[];
  readonly verifyError: string | null;
  readonly forward: WireClient["forward"];
  fields: string | null = null;

  constructor({ peerCertificates, verifyError, isResumed }: TlsFacts, { forward, atMs }: ContextChoice) {
    const [certificate = null, ...issuers] = peerCertificates;
    this.certificate = certificate;
    this.issuers = issuers;
    if (certificate === null) this.verifyError = null;
    // A session that is resumed says what was found when it began.
    else this.verifyError = verifyError ?? (isResumed && isExpired(certificate, atMs) ? "CERT_HAS_EXPIRED" : null);
    this.forward = forward;
  }
}

function isExpired({ validTo }: X509Certificate, atMs: number): boolean {
  // The last second is valid (RFC 5280 section 4.1.2.5).
  return Date.parse(validTo) + 1_000 <= atMs;
}
