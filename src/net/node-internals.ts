/**
 * The private doors of Node.js, and the only file that goes through them: what its documentation leaves out and may
 * change without notice. Each is looked at before it is used, and without it everything works as well, but slower or
 * with less knowledge. See docs/decisions/0014.
 *
 * - Handles (`streamDoor`, `onAccepted`): what `net.Socket` itself stands on. A handle reads into one piece of memory
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
  close(): void;
  // Of TCP alone.
  reset?(): number;
  getpeername?(out: PeerName): number;
  getsockname?(out: PeerName): number;
  setNoDelay?(isOn: boolean): number;
  setKeepAlive?(isOn: boolean, delaySeconds: number): number;
  connect(request: HandleRequest, hostOrPath: string, port?: number): number;
  connect6?(request: HandleRequest, host: string, port: number): number;
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

interface SocketBinding {
  readonly TCP: Make<StreamHandle>;
  readonly TCPConnectWrap: Make<HandleRequest>;
  readonly Pipe: Make<StreamHandle>;
  readonly PipeConnectWrap: Make<HandleRequest>;
  readonly constants: { readonly SOCKET: number };
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
    return hasKnownShape(stream, tcp) ? doorOf(stream, tcp, pipe) : null;
  } catch {
    // Node's permission model, for example, forbids it.
    return null;
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
}

function hasKnownShape(stream: StreamBinding, tcp: SocketBinding): boolean {
  const { streamBaseState: state, kReadBytesOrError, kBytesWritten, kLastWriteWasAsync } = stream;
  const methods = ["useUserBuffer", "readStart", "readStop", "writeLatin1String", "writeBuffer", "writev", "shutdown"];
  return (
    state instanceof Int32Array &&
    [kReadBytesOrError, kBytesWritten, kLastWriteWasAsync].every((slot) => slot >= 0 && slot < state.length) &&
    methods.every((name) => typeof Reflect.get(tcp.TCP.prototype as object, name) === "function")
  );
}

function doorOf(stream: StreamBinding, tcp: SocketBinding, pipe: SocketBinding): StreamDoor {
  const { WriteWrap, ShutdownWrap, streamBaseState: state } = stream;
  const { kReadBytesOrError, kBytesWritten, kLastWriteWasAsync } = stream;
  return {
    createTcp: () => new tcp.TCP(tcp.constants.SOCKET),
    createPipe: () => new pipe.Pipe(pipe.constants.SOCKET),
    createWrite: () => new WriteWrap(),
    createShutdown: () => new ShutdownWrap(),
    createConnect: (family) => (family === "tcp" ? new tcp.TCPConnectWrap() : new pipe.PipeConnectWrap()),
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
}

const handleOf = (socket: object): InnerHandle | null =>
  (socket as { readonly _handle?: InnerHandle | null })._handle ?? null;

/** The descriptor of a socket of Node's own; -1 if it has none yet, or none any more. */
export function descriptorOf(socket: object): number {
  const fd = handleOf(socket)?.fd;
  return typeof fd === "number" ? fd : -1;
}

/** Bytes that a socket of Node's own has handed to libuv and that the kernel has not taken yet; 0 if this is not known. */
export function writeQueueBytesOf(socket: object): number {
  const size = handleOf(socket)?.writeQueueSize;
  return typeof size === "number" ? size : 0;
}
