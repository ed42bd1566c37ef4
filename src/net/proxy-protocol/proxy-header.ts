/**
 * What a PROXY header says (the PROXY protocol of HAProxy, versions 1 and 2): who connected to the proxy in front of us,
 * and to which address. It comes once, before everything else on a connection.
 */

/** An address and port, as a header names them. */
export interface HeaderAddress {
  /** Normalised. */
  readonly address: string;
  readonly port: number;
}

/** What TLVs of version 2 say of the client's connection to the proxy in front of us; null = they do not say it. */
export interface HeaderFacts {
  /** The name that the client asked for: SNI or Host. */
  readonly authority: string | null;
  readonly alpn: string | null;
  /** In hexadecimal digits. */
  readonly uniqueId: string | null;
  /** Null = nothing is said of TLS there. */
  readonly tls: HeaderTls | null;
}

/** The TLS connection that a proxy in front of us has ended. */
export interface HeaderTls {
  readonly version: string | null;
  readonly cipher: string | null;
  /** The common name of the client's certificate. */
  readonly clientName: string | null;
  /** The client has shown a certificate, and it was verified. */
  readonly isClientVerified: boolean;
}

/** A complete header. */
export interface ProxyHeader {
  /** How many bytes it has. */
  readonly byteCount: number;
  /** Null = the header speaks of no client (`LOCAL`, `UNKNOWN`, other families): the socket's address holds. */
  readonly source: HeaderAddress | null;
  readonly destination: HeaderAddress | null;
  /** Null = it has no TLVs that we know. */
  readonly facts: HeaderFacts | null;
}

/** Why bytes are no PROXY header: what the log says. */
export type HeaderProblem =
  | "no PROXY header"
  | "malformed PROXY header"
  | "PROXY header too long"
  | "PROXY header with a wrong checksum";

/** What was made of bytes; a number = so many more are needed at least. */
export type HeaderReading = ProxyHeader | HeaderProblem | number;

/**
 * The longest header that is read. Version 2 allows 64 KiB; the most that is known of is the certificate of a client,
 * some 4 KiB.
 */
export const maxHeaderBytes = 16_384;
