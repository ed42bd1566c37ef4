/**
 * The private doors of Node.js, and the only file that goes through them: what its documentation leaves out and may
 * change without notice. Each is looked at before it is used, and without it everything works as well, but slower or
 * with less knowledge. See docs/decisions/0014.
 *
 * - Handles (`streamDoor`, `onAccepted`): what `net.Socket` itself stands on, and `tls.TLSSocket`. A handle reads into one piece of memory
 *   for all of a thread; a `net.Socket` that a server accepts is given 64 KiB of fresh memory for every read. And it is a
 *   fifth of a `net.Socket` in memory and a third of it in time, which counts if connections are many or short. This door
 *   is open on major versions only on which the tests have run (`testedVersions`; `npm run test:versions`). Elsewhere
 *   Node's own sockets serve.
 * - What Node.js knows of a socket (`_handle`): its descriptor, and what libuv has not written. Reading them changes
 *   nothing, so the shape alone decides.
 *
 * `MILLRACE_PLAIN_SOCKETS=1` in the environment shuts the first door, as an untested version does: for tests.
 */
import type { Server } from "node:net";

/** The major versions of Node.js on which handles are used. */
export const testedVersions: readonly number[] = [22, 24, 26];

/** What is asked of a handle and answered later: a write, a shutdown, a connection. */
export interface HandleRequest {
  /** Called once if the request could not be met at once. @param status negative = the system's error */
  oncomplete: ((this: HandleRequest, status: number) => void) | null;
}

/**
 * A socket of libuv as Node.js hands it to its own JavaScript. Numbers that are returned are 0 or the system's error,
 * negative.
 */
export interface StreamHandle {
  readonly fd: number;
  /** Bytes that have been read; undefined if Node.js does not count them. */
  readonly bytesRead?: number;
  /** Bytes that were handed to libuv and that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** Called with each read; `readState` says how many bytes. Gives the memory for the reads that follow, or nothing. */
  onread: ((this: StreamHandle) => Uint8Array | undefined) | null;
  readStart(): number;
  readStop(): number;
  writeLatin1String(request: HandleRequest, text: string): number;
  writeBuffer(request: HandleRequest, bytes: Uint8Array): number;
  /** @param pieces bytes and `"buffer"`, or text and its encoding, in turns */
  writev(request: HandleRequest, pieces: readonly (string | Uint8Array)[], areAllBytes: boolean): number;
  shutdown(request: HandleRequest): number;
  close(closed?: () => void): void;
  // Of TCP alone.
  /** @param closed called when it is closed, as `close` does, with the handle as `this` */
  reset?(closed?: () => void): number;
  getpeername?(out: PeerName): number;
  getsockname?(out: PeerName): number;
  setNoDelay?(isOn: boolean): number;
  setKeepAlive?(isOn: boolean, delaySeconds: number): number;
  connect(request: HandleRequest, hostOrPath: string, port?: number): number;
  connect6?(request: HandleRequest, host: string, port: number): number;
}

/**
 * A socket of OpenSSL that stands on another handle, whose reads and writes it takes over. Nothing of it may be called
 * after `destroySSL`. It is collected unless somebody holds it, and does not close the handle that it stands on.
 */
export interface TlsHandle extends StreamHandle {
  // Called by it; all within OpenSSL, so that `destroySSL` is out of the question.
  onhandshakestart: (() => void) | null;
  onhandshakedone: ((this: TlsHandle) => void) | null;
  onerror: ((this: TlsHandle, error: NodeJS.ErrnoException) => void) | null;
  /** Of the client's side, after `enableSessionCallbacks`. */
  onnewsession: ((this: TlsHandle, id: Buffer, session: Buffer) => void) | null;
  /** Bytes that were read from the handle already. */
  receive(bytes: Uint8Array): void;
  // Before the handshake.
  setVerifyMode(isRequested: boolean, isRequired: boolean): void;
  /** @param list as in RFC 7301 section 3.1, without its length */
  setALPNProtocols(list: Uint8Array): void;
  setOCSPResponse(response: Uint8Array): void;
  setServername(name: string): void;
  setSession(session: Uint8Array): void;
  enableSessionCallbacks(): void;
  /** Sends the ClientHello. */
  start(): void;
  // After the handshake.
  getProtocol(): string;
  getCipher(): { readonly standardName: string };
  getALPNNegotiatedProtocol(): string | false;
  isSessionReused(): boolean;
  verifyError(): NodeJS.ErrnoException | null;
  getPeerX509Certificate(): CertificateHandle | undefined;
  /** Writes that are pending are cancelled within the call. */
  destroySSL(): void;
}

/** A certificate, and the ones that its owner has sent after it. */
export interface CertificateHandle {
  raw(): Buffer;
  getIssuerCert(): CertificateHandle | undefined;
}

/** What `getpeername` and `getsockname` fill in. */
export interface PeerName {
  address: string | undefined;
  family: string | undefined;
  port: number | undefined;
}

/** The other things that handles need. */
export interface StreamDoor {
  createTcp(): StreamHandle;
  createPipe(): StreamHandle;
  createWrite(): HandleRequest;
  createShutdown(): HandleRequest;
  createConnect(family: "tcp" | "unix"): HandleRequest;
  /**
   * A socket of OpenSSL on `handle`.
   * @param handle nothing that was written to it may be pending
   * @param context `SecureContext.context` of `node:tls`
   */
  createTls(handle: StreamHandle, context: unknown, side: "server" | "client"): TlsHandle;
  /** The reads of `handle` go into `bytes`. Once for each handle, before it reads. */
  readInto(handle: StreamHandle, bytes: Uint8Array): void;
  /** How many bytes the read brought whose `onread` is being called; negative: the system's error, or `endOfFile`. */
  readCount(): number;
  /** How many bytes the last write was of. */
  writtenCount(): number;
  /** Did the last write that was accepted go to libuv's queue? Then its request is in use until `oncomplete`. */
  wasQueued(): boolean;
}

/** What `readCount` says of a FIN (`UV_EOF`). */
export const endOfFile = -4_095;

interface AcceptedHandle extends StreamHandle {
  readonly useUserBuffer?: (bytes: Uint8Array) => void;
}

interface ListeningHandle {
  onconnection?: ((error: number | undefined, accepted: AcceptedHandle | undefined) => void) | null;
  setNoDelay?(isOn: boolean): number;
}

type Make<Made> = new (kind?: number) => Made;

interface StreamBinding {
  readonly WriteWrap: Make<HandleRequest>;
  readonly ShutdownWrap: Make<HandleRequest>;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
}

interface TlsBinding {
  wrap(handle: StreamHandle, context: unknown, isServer: boolean, hasPendingWrites: boolean): TlsHandle;
  readonly TLSWrap: { readonly prototype: object };
}

const tlsMethods: readonly (keyof TlsHandle)[] = [
  "receive",
  "setVerifyMode",
  "setALPNProtocols",
  "setOCSPResponse",
  "setServername",
  "setSession",
  "enableSessionCallbacks",
  "start",
  "getProtocol",
  "getCipher",
  "getALPNNegotiatedProtocol",
  "isSessionReused",
  "verifyError",
  "getPeerX509Certificate",
  "destroySSL",
];

interface SocketBinding {
  readonly TCP: Make<StreamHandle>;
  readonly TCPConnectWrap: Make<HandleRequest>;
  readonly Pipe: Make<StreamHandle>;
  readonly PipeConnectWrap: Make<HandleRequest>;
  readonly constants: { readonly SOCKET: number };
}

interface Bindings {
  readonly stream: StreamBinding;
  readonly tcp: SocketBinding;
  readonly pipe: SocketBinding;
  readonly tls: TlsBinding;
}

/** Whether handles may be used on this version of Node.js (`22.18.0`), with this environment. */
export function mayUseHandles(version: string, environment: NodeJS.ProcessEnv): boolean {
  return testedVersions.includes(Number.parseInt(version, 10)) && (environment["MILLRACE_PLAIN_SOCKETS"] ?? "") === "";
}

/** Null = handles are not used. */
export const streamDoor: StreamDoor | null = mayUseHandles(process.versions.node, process.env) ? openDoor() : null;

function openDoor(): StreamDoor | null {
  const { noDeprecation } = process;
  try {
    // The call is deprecated in the documentation alone; a user who has asked for such warnings cannot act on this one.
    process.noDeprecation = true;
    const { binding } = process as unknown as { binding(name: string): unknown };
    const stream = binding.call(process, "stream_wrap") as StreamBinding;
    const tcp = binding.call(process, "tcp_wrap") as SocketBinding;
    const pipe = binding.call(process, "pipe_wrap") as SocketBinding;
    const tls = binding.call(process, "tls_wrap") as TlsBinding;
    return hasKnownShape(stream, tcp, tls) ? doorOf({ stream, tcp, pipe, tls }) : null;
  } catch {
    // Node's permission model, for example, forbids it.
    return null;
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
}

function hasKnownShape(stream: StreamBinding, tcp: SocketBinding, tls: TlsBinding): boolean {
  const { streamBaseState: state, kReadBytesOrError, kBytesWritten, kLastWriteWasAsync } = stream;
  const methods = ["useUserBuffer", "readStart", "readStop", "writeLatin1String", "writeBuffer", "writev", "shutdown"];
  return (
    state instanceof Int32Array &&
    [kReadBytesOrError, kBytesWritten, kLastWriteWasAsync].every((slot) => slot >= 0 && slot < state.length) &&
    methods.every((name) => typeof Reflect.get(tcp.TCP.prototype as object, name) === "function") &&
    [...methods, ...tlsMethods].every((name) => typeof Reflect.get(tls.TLSWrap.prototype, name) === "function")
  );
}

function doorOf(bindings: Bindings): StreamDoor {
  const { stream, tcp, pipe, tls } = bindings;
  const { WriteWrap, ShutdownWrap, streamBaseState: state } = stream;
  const { kReadBytesOrError, kBytesWritten, kLastWriteWasAsync } = stream;
  return {
    createTcp: () => new tcp.TCP(tcp.constants.SOCKET),
    createPipe: () => new pipe.Pipe(pipe.constants.SOCKET),
    createWrite: () => new WriteWrap(),
    createShutdown: () => new ShutdownWrap(),
    createConnect: (family) => (family === "tcp" ? new tcp.TCPConnectWrap() : new pipe.PipeConnectWrap()),
    createTls: (handle, context, side) => tls.wrap(handle, context, side === "server", false),
    readInto: (handle, bytes) => (handle as AcceptedHandle).useUserBuffer!(bytes),
    readCount: () => state[kReadBytesOrError]!,
    writtenCount: () => state[kBytesWritten]!,
    wasQueued: () => state[kLastWriteWasAsync] !== 0,
  };
}

/**
 * Gives what `server` accepts to `onHandle`, as sockets of libuv without Nagle's algorithm. Call it when the server
 * listens. What cannot be given this way comes as a `connection` event.
 */
export function onAccepted(server: Server, onHandle: (handle: StreamHandle) => void): void {
  const handle = (server as unknown as { readonly _handle: ListeningHandle | null })._handle;
  const onConnection = handle?.onconnection;
  if (streamDoor === null || handle === null || typeof onConnection !== "function") return;
  // On Linux a connection has this from the socket that accepted it: a system call less for each.
  const isInherited = process.platform === "linux" && handle.setNoDelay?.(true) === 0;
  handle.onconnection = (error, accepted) => {
    if (error || typeof accepted?.useUserBuffer !== "function") onConnection.call(handle, error, accepted);
    else {
      if (!isInherited) accepted.setNoDelay?.(true);
      onHandle(accepted);
    }
  };
}

interface InnerHandle {
  readonly fd?: unknown;
  readonly writeQueueSize?: unknown;
  /** Node.js has told it to read. */
  readonly reading?: unknown;
  onread?: ((this: unknown, bytes: unknown) => unknown) | null;
  readonly readStart?: () => number;
  readonly readStop?: () => number;
}

const handleOf = (socket: object): InnerHandle | null =>
  (socket as { readonly _handle?: InnerHandle | null })._handle ?? null;

/** The descriptor of a socket of Node's own; -1 if it has none yet, or none any more. */
export function descriptorOf(socket: object): number {
  const fd = handleOf(socket)?.fd;
  return typeof fd === "number" ? fd : -1;
}

/**
 * Calls `told` when reading from `socket`, a `tls.TLSSocket` that stands on `below`, comes to its end, if it is because
 * of a FIN and not by the end that TLS has of its own. If this cannot be known, it is not called.
 */
export function onUncleanEnd(socket: object, below: object, told: () => void): void {
  const handle = handleOf(socket);
  const before = handle?.onread;
  if (handle === null || typeof before !== "function") return;
  handle.onread = function (bytes) {
    const inner = bytes === undefined ? handleOf(below) : null;
    // One that was told to rest has no FIN to tell.
    if (inner?.reading === true && isStopped(inner)) told();
    return before.call(this, bytes);
  };
}

/** Does `handle` not read, because it was told so or has come to its end? It stays as it is. */
export function isStopped(handle: Pick<InnerHandle, "readStart" | "readStop">): boolean {
  if (typeof handle.readStart !== "function" || typeof handle.readStop !== "function") return false;
  // libuv refuses to begin if it reads already.
  if (handle.readStart() !== 0) return false;
  handle.readStop();
  return true;
}

/** Why the certificate of a peer does not stand up, of a `tls.TLSSocket` whose handshake is done. */
export function verifyErrorOf(socket: object): string | null {
  return tlsHandleOf(socket)?.verifyError()?.code ?? null;
}

/** An OCSP answer for a `tls.TLSSocket` that is about to be a server. */
export function setOcspResponse(socket: object, response: Uint8Array): void {
  tlsHandleOf(socket)?.setOCSPResponse(response);
}

const tlsHandleOf = (socket: object): TlsHandle | null =>
  (socket as { readonly _handle?: TlsHandle | null })._handle ?? null;

/** Bytes that a socket of Node's own has handed to libuv and that the kernel has not taken yet; 0 if this is not known. */
export function writeQueueBytesOf(socket: object): number {
  const size = handleOf(socket)?.writeQueueSize;
  return typeof size === "number" ? size : 0;
}
