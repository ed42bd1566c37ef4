/**
 * A socket that TLS is spoken on, as a wire sees it: what is read and written is what TLS carries. It is made from a
 * connected socket, which it takes over, and tells when the handshake is done. As with plain sockets there are two
 * kinds: on a bare handle of Node.js, and over `tls.TLSSocket`.
 *
 * Who the peer is, is the caller's business: a certificate that does not stand up, or none, is told and not refused.
 */
import type { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";
import type { KernelSocket } from "../kernel-socket.ts";

/** No real chain of certificates is as long. */
export const maxChainLength = 16;

/** What the handshake has agreed on. */
export interface TlsFacts {
  /** `TLSv1.3` */
  readonly protocol: string;
  /** As IANA writes it: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
  /** Null = none was agreed on. */
  readonly alpn: string | null;
  readonly isResumed: boolean;
  /**
   * Why the peer's certificate does not stand up (`CERT_HAS_EXPIRED`, `DEPTH_ZERO_SELF_SIGNED_CERT`); null = it does, or
   * a client has sent none. Names are not compared. What is resumed says what was found at first.
   */
  readonly verifyError: string | null;
  /**
   * The peer's certificate, then the others that it has sent, up to its root; empty = a client has sent none, or a
   * session with a server is resumed, which sends it no more.
   */
  readonly peerCertificates: readonly X509Certificate[];
}

/** A socket that TLS is spoken on. `destroy` tells the peer of the end, if nothing stands before that; `reset` does not. */
export interface TlsSocket extends KernelSocket {
  /** Null = it is not secure yet. */
  readonly facts: TlsFacts | null;
  /** Bytes that have come from the network, of which `bytesRead` is what TLS has made data of; 0 = it is not known. */
  readonly networkBytesRead: number;
  /** As if the connection had failed with `error`: it is closed, and whoever listens is told. */
  fail(error: NodeJS.ErrnoException): void;
}

/** Who has a handshake made. Exactly one of the two is called, unless the socket is destroyed before. */
export interface TlsStarter {
  /** It may be read and written now. What `socket.listener` is to be told comes after this call. */
  onSecure(socket: TlsSocket): void;
  /**
   * The socket is closed. Never within the call that began it.
   * @param error OpenSSL's has a `code` that begins with `ERR_SSL_`; null = the peer has closed
   */
  onTlsFailed(error: NodeJS.ErrnoException | null): void;
}

/** What both sides say of TLS. */
interface TlsOptions {
  readonly secureContext: SecureContext;
  /** The protocols that may be agreed on, the preferred first (RFC 7301); empty = none is agreed on. */
  readonly alpn: readonly string[];
}

/** How a connection that was accepted is secured. */
export interface AcceptTlsOptions extends TlsOptions {
  /** What was read already. */
  readonly received: Uint8Array;
  /** Whether the client is asked for a certificate. With `require` one that sends none is refused. */
  readonly verify: "none" | "request" | "require";
  /** An OCSP answer to staple (DER); null = none. */
  readonly ocsp: Uint8Array | null;
}

/** How a connection that we have opened is secured. */
export interface DialTlsOptions extends TlsOptions {
  /** A host name (SNI); null = none is sent. */
  readonly serverName: string | null;
  /** As `onSession` has given it; null = none. */
  readonly session: Buffer | null;
  /** Gives a session that a later connection may resume; several may come, at any time after the handshake. */
  readonly onSession: ((session: Buffer) => void) | null;
}

/** What a socket is made of, apart from the one that it stands on. */
export type TlsRole = { readonly accept: AcceptTlsOptions } | { readonly dial: DialTlsOptions };
