/**
 * Bytes and who sent them: the seam between the network and what is spoken over it. A connection that was accepted or
 * dialled is a wire. Steps (a PROXY header, TLS, the choice of a protocol) stand before a protocol and hand the wire on;
 * no byte is lost between them.
 */
import type { X509Certificate } from "node:crypto";
import type { KernelSocket, WireMemory } from "./kernel-socket.ts";
import type { Output } from "./output.ts";
import type { HeaderAddress } from "./proxy-protocol/proxy-header.ts";

/** What TLS has told about a peer. What is costly is read from the connection when it is asked for. */
export interface WireTls {
  /** The name that the client asked for (SNI, RFC 6066 section 3), normalised; null = none. */
  readonly serverName: string | null;
  /** The protocol that was agreed on (ALPN, RFC 7301); null = none. */
  readonly alpn: string | null;
  /** `1.2` or `1.3`. */
  readonly version: string;
  /** As IANA names it. */
  readonly cipher: string;
  readonly isResumed: boolean;
  /** The same text means the same rules about client certificates. */
  readonly policyId: string;
  /** Null = clients are not asked for certificates at this host. */
  readonly client: WireClient | null;
  /** Whatever the protocol keeps there. */
  logged: string;
}

/** A client that was asked for a certificate. */
export interface WireClient {
  /** Null = it has none. */
  readonly certificate: X509Certificate | null;
  /** Those that it has sent beside it, and the root. */
  readonly issuers: readonly X509Certificate[];
  /** Why it does not hold, as OpenSSL names it; null = it does, or there is none. */
  readonly verifyError: string | null;
  /** How much endpoints are told of it. */
  readonly forward: "none" | "summary" | "certificate" | "chain";
  /** As `WireTls.logged`. */
  fields: string | null;
}

/** A proxy in front of this one has told by a PROXY header who the peer is. */
export interface WireProxied {
  /** Where the client had connected to; null = the proxy did not say, or speaks for itself. */
  readonly destination: HeaderAddress | null;
  /** For the log: the proxy's address, and what else it has told of the client's connection. */
  readonly note: string;
}

/** Who is at the other end. A step may replace it, as a PROXY header does. */
export interface WireOrigin {
  /** Normalised; empty = the peer has none, as on a Unix socket. */
  readonly peerAddress: string;
  /** 0 = the peer has none. */
  readonly peerPort: number;
  readonly scheme: "http" | "https";
  /** Null = there is no TLS. */
  readonly tls: WireTls | null;
  /** Absent = no PROXY header has come. */
  readonly proxied?: WireProxied;
  /** It speaks no TLS although this listener does: it is told so, and no more. Default: false. */
  readonly isMisplaced?: boolean;
}

/** Takes what comes from a wire. What it throws ends the wire, and nothing else. */
export interface WireReader {
  /** `bytes[0, byteCount)` have arrived; whose they are says `Wire.memory`. */
  onBytes(bytes: Buffer, byteCount: number): void;
  /** The kernel has taken everything, after a flush that said it had not. */
  onWritable(): void;
  /** The peer's FIN: no more bytes will come. */
  onEnd(): void;
  /** Everything that was written, our FIN included, is handed to the kernel. Only after `Wire.awaitFinish`. */
  onFinish(): void;
  /** The connection is lost. Nothing follows. @param error null = it was closed without one */
  onGone(error: NodeJS.ErrnoException | null): void;
}

/** A connection as protocols and steps see it. Calls on one that is gone do nothing. */
export interface Wire {
  origin: WireOrigin;
  readonly output: Output;
  readonly memory: WireMemory;
  /** Below everything that stands on it, for who asks the kernel about it. Nothing is read or written here. */
  readonly kernelSocket: KernelSocket;
  /**
   * From now on `reader` gets what comes, first what was put back. The first one that it is handed to begins reading;
   * every one gets it unpaused. No callback comes before this returns. If the connection is lost already, `onGone` follows.
   */
  handTo(reader: WireReader): void;
  /** Puts `bytes` back, the last that came, or their end: for whoever it is handed to next, and until then it rests. */
  putBack(bytes: Buffer): void;
  pause(): void;
  resume(): void;
  /** `lent` bytes of the last read stay with the reader for good. */
  keepMemory(): void;
  /**
   * From now on its bytes are those of `socket`, which stands on the one that it had: TLS. It rests as if it had just been
   * made, until it is handed to a reader. Until then losses are told to nobody.
   */
  standOn(socket: KernelSocket): void;
  /** FIN, behind what was written and flushed. */
  end(): void;
  /** The reader is to be told by `onFinish`. */
  awaitFinish(): void;
  /** Closes it now. What has left this process still goes out, and its end is an orderly one. No callback follows. */
  destroy(): void;
  /** As `destroy`, but the peer is told by a reset, so that it takes nothing for complete; if that can be done. */
  reset(): void;
  /** Has the kernel probe a peer that is silent for long, so that its loss is noticed. */
  probeSilentPeer(): void;
  /** Our FIN is on its way. */
  readonly isEnding: boolean;
  /** Our FIN, and everything before it, is handed to the kernel. */
  readonly isFinished: boolean;
  /** A write has failed; what came in before is still read. */
  readonly hasFailed: boolean;
  /** The peer's end was not said by what it speaks below this wire (a FIN without TLS's alert): what it sent may be cut. */
  readonly hasEndedUncleanly: boolean;
  /** A reset tells the peer something. */
  readonly canReset: boolean;
  /** Bytes that were written, and those of them that have left this process. */
  readonly writtenBytes: number;
  readonly handedOnBytes: number;
  /** Looks for bytes that have arrived and are not read yet: see `lookForArrival`. */
  lookForArrival(): "nothing" | "something" | "unknown";
}
