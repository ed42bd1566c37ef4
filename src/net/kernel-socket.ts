/**
 * A connected socket as a wire sees it: bytes in, bytes out, three ways to end, and what is known of how far its peer
 * has come. There are two: on a bare handle of Node.js (`BareSocket`), and over a socket of Node's own (`PlainSocket`).
 */

/**
 * Whose memory the bytes lie in that a reader is given.
 *
 * - `shared`: the thread's. The next read of any socket overwrites them: what is not consumed before the call returns has
 *   to be copied.
 * - `lent`: the socket's. Its next read overwrites them, unless `keepMemory` is called before.
 * - `given`: the reader's, for good.
 */
export const WireMemory = { shared: 0, lent: 1, given: 2 } as const;
export type WireMemory = (typeof WireMemory)[keyof typeof WireMemory];

/** Is told what happens to a socket. Nothing follows `onLost`, nor `destroy` and `reset`. It does not throw. */
export interface SocketListener {
  /** `bytes[0, byteCount)` have arrived; whose they are says `KernelSocket.memory`. */
  onRead(byteCount: number, bytes: Buffer): void;
  /** The peer's FIN. */
  onEnd(): void;
  /** The kernel has taken everything that was written: once for each `awaitSent`. */
  onSent(): void;
  /** Our FIN, and everything before it, is handed to the kernel. */
  onFinish(): void;
  /** The socket is closed: because of `error`, or because both directions have ended. Never within a call to it. */
  onLost(error: NodeJS.ErrnoException | null): void;
}

/** What is known of a socket and of how far its peer has come. */
export interface SocketProgress {
  /** -1 = it has none, or none any more, or it is not known. */
  readonly descriptor: number;
  /** As the system writes it; undefined = the peer has none (Unix sockets), or was gone before it could be asked. */
  readonly remoteAddress: string | undefined;
  readonly bytesRead: number;
  /** Given to be written, whether or not the kernel has taken it. */
  readonly bytesWritten: number;
  /** Those of them that the kernel has not taken. */
  readonly unsentBytes: number;
  /** Changes, apart from `unsentBytes`, while the kernel takes a large write in parts. */
  readonly partlySentMark: number;
}

/** One end of a TCP connection. */
export interface SocketEnd {
  /** As the system writes it. */
  readonly address: string;
  readonly port: number;
}

/** A socket that is connected, or about to be. Calls on one that is destroyed do nothing. */
export interface KernelSocket extends SocketProgress {
  /** Who is told. May be replaced at any time; at first nobody is. */
  listener: SocketListener;
  readonly memory: WireMemory;
  readonly remotePort: number | undefined;
  /** Our FIN is on its way. */
  readonly isEnding: boolean;
  readonly isFinished: boolean;
  /** A write has failed; what came in before is still read. */
  readonly hasFailed: boolean;
  readonly isDestroyed: boolean;
  /** Our end of it, asked of the kernel; null = it has none (Unix sockets), or none any more. */
  localEnd(): SocketEnd | null;
  /**
   * The peer's end was not said by the protocol on this socket, as a FIN without an alert before it in TLS: an attacker
   * may have cut off what came before it. Known when `onEnd` is called.
   */
  readonly hasEndedUncleanly: boolean;
  /** Begins to read. Nothing is told of what comes before. */
  startReading(): void;
  pause(): void;
  resume(): void;
  /** `lent` bytes of the last read stay with the reader for good. */
  keepMemory(): void;
  /** @param text latin1 */
  writeText(text: string): void;
  /** @param bytes the socket's, for as long as `unsentBytes` is not 0 */
  writeBytes(bytes: Buffer): void;
  /** What is written from here to `uncork` leaves in one system call, and is unsent until then. */
  cork(): void;
  uncork(): void;
  /** `onSent` is to be called, later. Only while `unsentBytes` is not 0, and not again before that call. */
  awaitSent(): void;
  /** FIN, behind what was written, corked or not. */
  end(): void;
  /** Closes it. What the kernel has taken still goes out, and its end is an orderly one. */
  destroy(): void;
  /** As `destroy`, but by a reset. Not for sockets without a peer address, nor after `end`: they cannot be reset. */
  reset(): void;
  /** Looks for bytes that have arrived and were not read yet: see `lookForArrival`. */
  lookForArrival(): "nothing" | "something" | "unknown";
  /** Has the kernel probe a peer that is silent for `delayMs`, a multiple of 1,000. */
  probeSilentPeer(delayMs: number): void;
}

/** What is left of a socket that another one stands on. */
export type Ends = Pick<KernelSocket, "destroy" | "reset">;

/** Hears nothing. */
export const nobodyListens: SocketListener = { onRead() {}, onEnd() {}, onSent() {}, onFinish() {}, onLost() {} };
