/**
 * A socket on a bare handle of Node.js, without the streams and events of `net.Socket`: a fifth of its memory, and a
 * third of its time for a connection that is made and closed. Only where `streamDoor` is open.
 */
import { afterReading } from "./after-reading.ts";
import { lookForArrival } from "./arrival.ts";
import { endpointCeilingError, isBeyondEndpointCeiling } from "./descriptor-limit.ts";
import type { DialTarget } from "./dial-target.ts";
import {
  type Ends,
  type KernelSocket,
  nobodyListens,
  type SocketEnd,
  type SocketListener,
  WireMemory,
} from "./kernel-socket.ts";
import {
  endOfFile,
  type HandleRequest,
  type PeerName,
  type StreamDoor,
  type StreamHandle,
  streamDoor,
} from "./node-internals.ts";
import { ReadBuffer } from "./read-buffer.ts";
import { systemError } from "./system-error.ts";

/** A body of 64 KiB and its head come in one read, and so leave in one write. */
export const readMemoryBytes = 81_920;
/** What the reads of accepted sockets go into, all of the thread's. */
export const sharedReadMemory = Buffer.allocUnsafeSlow(readMemoryBytes);

/** Whose a handle or a request is. */
const owner = Symbol("owner");

interface OwnedHandle extends StreamHandle {
  [owner]?: BareSocket;
}

interface OwnedRequest extends HandleRequest {
  [owner]?: BareSocket;
  /** What is being written, so that it is not collected. */
  kept?: unknown;
}

const door: StreamDoor = streamDoor!;

/** Serves every question: Node.js fills in properties that are there already in a fifth less time. */
const peerName: PeerName = { address: undefined, family: undefined, port: undefined };
const ownName: PeerName = { address: undefined, family: undefined, port: undefined };

/** Serves every write that the kernel takes at once; one that it does not keeps it. */
let spareWrite: OwnedRequest | null = null;

/** As `KernelSocket.localEnd`, of a handle that is not closed. */
export function localEndOf(handle: StreamHandle): SocketEnd | null {
  if (handle.getsockname?.(ownName) !== 0) return null;
  const { address, port } = ownName;
  return address === undefined || port === undefined ? null : { address, port };
}

// What Node.js calls, with the handle or request as `this`: functions that all sockets share.

function onread(this: StreamHandle): Uint8Array | undefined {
  return (this as OwnedHandle)[owner]!.take(door.readCount());
}

function onWritten(this: HandleRequest, status: number): void {
  (this as OwnedRequest)[owner]!.noteWritten(status);
}

function onShutdown(this: HandleRequest): void {
  (this as OwnedRequest)[owner]!.noteFinished();
}

function onConnected(this: HandleRequest, status: number): void {
  (this as OwnedRequest)[owner]!.noteConnected(status);
}

/**
 * A half-open socket without Nagle's algorithm. `shared` memory if it was accepted; one that connects has `lent` memory,
 * and reads what has arrived before it fails because of a write: see `dialled-socket.ts`.
 */
export class BareSocket implements KernelSocket {
  listener: SocketListener = nobodyListens;
  readonly memory: WireMemory;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  bytesRead = 0;
  bytesWritten = 0;
  isEnding = false;
  isFinished = false;
  hasFailed = false;
  isDestroyed = false;
  readonly hasEndedUncleanly = false;
  readonly #handle: OwnedHandle;
  /** Null = the thread's memory. */
  readonly #readBuffer: ReadBuffer | null;
  #bytes: Buffer;
  #corked: (string | Uint8Array)[] | null = null;
  #corkedBytes = 0;
  #queuedWrites = 0;
  /** Written after a write had failed: never taken. */
  #lostBytes = 0;
  #isAwaitingSent = false;
  #isReading = false;
  #hasEnded = false;
  #onConnected: (() => void) | null = null;
  /** Stands on the handle instead. */
  #successor: Ends | null = null;

  private constructor(handle: StreamHandle, readBuffer: ReadBuffer | null) {
    this.#handle = handle;
    this.#readBuffer = readBuffer;
    this.memory = readBuffer === null ? WireMemory.shared : WireMemory.lent;
    this.#bytes = readBuffer?.take() ?? sharedReadMemory;
    this.#handle[owner] = this;
    handle.onread = onread;
    door.readInto(handle, this.#bytes);
  }

  /** @param handle was accepted */
  static accepted(handle: StreamHandle): BareSocket {
    const socket = new BareSocket(handle, null);
    if (handle.getpeername?.(peerName) === 0) {
      socket.remoteAddress = peerName.address;
      socket.remotePort = peerName.port;
    }
    return socket;
  }

  localEnd(): SocketEnd | null {
    return this.isDestroyed ? null : localEndOf(this.#handle);
  }

  /** One that is to `connect`. */
  static toConnect(target: DialTarget): BareSocket {
    return new BareSocket("path" in target ? door.createPipe() : door.createTcp(), new ReadBuffer());
  }

  /**
   * Begins to connect to the target that it was made for; `onConnected` or `onLost` follows, later. Fails with EMFILE if
   * it would take one of the last descriptors of the process.
   */
  connect(target: DialTarget, connected: () => void): void {
    this.#onConnected = connected;
    const request: OwnedRequest = door.createConnect("path" in target ? "unix" : "tcp");
    request[owner] = this;
    request.oncomplete = onConnected;
    const code = this.#begin(request, target);
    if (code !== 0) this.#lose(systemError(code, "connect"));
    else if (isBeyondEndpointCeiling(this.descriptor)) this.#lose(endpointCeilingError());
  }

  #begin(request: HandleRequest, target: DialTarget): number {
    const handle = this.#handle;
    if ("path" in target) return handle.connect(request, target.path);
    this.remoteAddress = target.host;
    this.remotePort = target.port;
    return target.host.includes(":")
      ? handle.connect6!(request, target.host, target.port)
      : handle.connect(request, target.host, target.port);
  }

  /** For `onConnected`. */
  noteConnected(status: number): void {
    const connected = this.#onConnected!;
    this.#onConnected = null;
    if (this.isDestroyed) return;
    if (status !== 0) {
      this.#lose(systemError(status, "connect"));
      return;
    }
    this.#handle.setNoDelay?.(true);
    if (this.#isReading) this.#handle.readStart();
    connected();
  }

  /**
   * Gives its handle to a socket that stands on it from now on. It becomes as one that is destroyed, but that `destroy`
   * and `reset` are passed on. Only while nothing is unsent. May be called within `onRead`.
   */
  handOver(successor: Ends): StreamHandle {
    if (this.isDestroyed || this.unsentBytes > 0) throw new Error("a socket is handed over that is closed, or writes");
    this.isDestroyed = true;
    this.listener = nobodyListens;
    this.#successor = successor;
    return this.#handle;
  }

  // What is known of it.

  get descriptor(): number {
    return this.isDestroyed ? -1 : this.#handle.fd;
  }

  get unsentBytes(): number {
    if (this.isDestroyed) return 0;
    return this.#lostBytes + this.#corkedBytes + (this.#queuedWrites === 0 ? 0 : this.#handle.writeQueueSize);
  }

  /** `unsentBytes` says it all. */
  get partlySentMark(): number {
    return 0;
  }

  // Reading.

  startReading(): void {
    this.resume();
  }

  pause(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    if (!this.isDestroyed && this.#onConnected === null) this.#handle.readStop();
  }

  resume(): void {
    if (this.#isReading || this.#hasEnded) return;
    this.#isReading = true;
    if (!this.isDestroyed && this.#onConnected === null) this.#handle.readStart();
  }

  keepMemory(): void {
    this.#readBuffer?.surrender();
  }

  /** For `onread`. @returns the memory for the next read, if it is another */
  take(count: number): Buffer | undefined {
    if (this.isDestroyed || count === 0) return undefined;
    if (count < 0) {
      if (count === endOfFile) this.#takeEnd();
      else this.#lose(systemError(count, "read"));
      return undefined;
    }
    this.bytesRead += count;
    this.listener.onRead(count, this.#bytes);
    const readBuffer = this.#readBuffer;
    if (readBuffer === null || this.#successor !== null) return undefined;
    readBuffer.noteRead(count);
    const next = readBuffer.take();
    if (next !== undefined) this.#bytes = next;
    return next;
  }

  #takeEnd(): void {
    this.#hasEnded = true;
    this.#isReading = false;
    this.listener.onEnd();
    this.#closeIfDone();
  }

  // Writing.

  writeText(text: string): void {
    if (this.#corked !== null) this.#keepCorked(text, "latin1");
    else if (this.#canWrite(text.length)) {
      const request = (spareWrite ??= door.createWrite());
      this.#noteWrite(request, this.#handle.writeLatin1String(request, text), null);
    }
  }

  writeBytes(bytes: Buffer): void {
    if (this.#corked !== null) this.#keepCorked(bytes, "buffer");
    else if (this.#canWrite(bytes.length)) {
      const request = (spareWrite ??= door.createWrite());
      this.#noteWrite(request, this.#handle.writeBuffer(request, bytes), bytes);
    }
  }

  cork(): void {
    this.#corked ??= [];
  }

  /** Whoever gave it may not use it for anything else before it is written: it is unsent. */
  #keepCorked(piece: string | Uint8Array, encoding: "latin1" | "buffer"): void {
    this.#corked!.push(piece, encoding);
    this.#corkedBytes += piece.length;
    this.bytesWritten += piece.length;
  }

  uncork(): void {
    const pieces = this.#corked;
    const byteCount = this.#corkedBytes;
    this.#corked = null;
    this.#corkedBytes = 0;
    if (pieces === null || pieces.length === 0) return;
    this.bytesWritten -= byteCount;
    if (!this.#canWrite(byteCount)) return;
    const request = (spareWrite ??= door.createWrite());
    this.#noteWrite(request, this.#handle.writev(request, pieces, false), pieces);
  }

  #canWrite(byteCount: number): boolean {
    if (this.isDestroyed || this.isEnding) return false;
    if (this.hasFailed) this.#lostBytes += byteCount;
    return !this.hasFailed;
  }

  #noteWrite(request: OwnedRequest, code: number, kept: unknown): void {
    if (code !== 0) {
      this.#failWriting(code);
      return;
    }
    this.bytesWritten += door.writtenCount();
    if (!door.wasQueued()) return;
    spareWrite = null;
    request[owner] = this;
    request.kept = kept;
    request.oncomplete = onWritten;
    this.#queuedWrites++;
  }

  /** For `onWritten`. */
  noteWritten(status: number): void {
    this.#queuedWrites--;
    if (this.isDestroyed) return;
    if (status < 0) {
      this.#failWriting(status);
      return;
    }
    if (this.#queuedWrites > 0 || !this.#isAwaitingSent) return;
    this.#isAwaitingSent = false;
    this.listener.onSent();
  }

  awaitSent(): void {
    this.#isAwaitingSent = true;
  }

  #failWriting(code: number): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    const error = systemError(code, "write");
    if (this.memory === WireMemory.shared) this.#lose(error);
    else afterReading(this, () => this.#lose(error));
  }

  // Ending.

  end(): void {
    if (this.isDestroyed || this.isEnding) return;
    this.uncork();
    this.isEnding = true;
    const request: OwnedRequest = door.createShutdown();
    request[owner] = this;
    request.oncomplete = onShutdown;
    // It fails if the peer has reset the connection: reading finds that, too, and says it.
    if (this.#handle.shutdown(request) !== 0) process.nextTick(finish, this);
  }

  /** For `onShutdown`. */
  noteFinished(): void {
    if (this.isDestroyed) return;
    this.isFinished = true;
    this.listener.onFinish();
    this.#closeIfDone();
  }

  /** Both directions have ended. */
  #closeIfDone(): void {
    if (this.#hasEnded && this.isFinished) this.#lose(null);
  }

  #lose(error: NodeJS.ErrnoException | null): void {
    if (this.isDestroyed) return;
    this.destroy();
    process.nextTick(tellLost, this, error);
  }

  destroy(): void {
    this.#successor?.destroy();
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#corked = null;
    this.#handle.close();
  }

  reset(): void {
    this.#successor?.reset();
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#corked = null;
    if (this.#handle.reset?.() !== 0) this.#handle.close();
  }

  lookForArrival(): "nothing" | "something" | "unknown" {
    return lookForArrival(this.descriptor);
  }

  probeSilentPeer(delayMs: number): void {
    if (!this.isDestroyed) this.#handle.setKeepAlive?.(true, delayMs / 1_000);
  }
}

function finish(socket: BareSocket): void {
  socket.noteFinished();
}

function tellLost(socket: BareSocket, error: NodeJS.ErrnoException | null): void {
  socket.listener.onLost(error);
}
