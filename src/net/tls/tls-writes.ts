/**
 * What is written to a handle of OpenSSL, one write at a time: the handle takes a second one only when the first is
 * complete, which it says at the end of the turn at the soonest. What comes meanwhile waits here, and leaves in as few
 * writes as can be.
 *
 * `write` of the handle encrypts what it is given, and so copies it. Then the kernel is asked: whether it took all is
 * known at once, although the handle says it later.
 */
import type { HandleRequest, StreamDoor, StreamHandle, TlsHandle } from "../node-internals.ts";
import { streamDoor } from "../node-internals.ts";
import { ownBytesOf } from "../own-bytes.ts";
import { systemError } from "../system-error.ts";

const door: StreamDoor = streamDoor!;

/**
 * What a reader of an endpoint brings at most (256 KiB), and a head before it, in full records. The handle encrypts one
 * write into one buffer, whatever its size, and hands it on in one system call. With nine records a body of 1 MiB cost a
 * fifth more: what had to wait was garbage afterwards.
 */
const maxWriteBytes = 17 * 16_384;

/** What waits in pieces is gathered here. The handle copies it at once, so that one serves all of a thread. */
let gathered: Buffer | null = null;

const nothing = Buffer.alloc(0);

/** Whose a request is. */
const owner = Symbol("owner");

interface OwnedRequest extends HandleRequest {
  [owner]?: TlsWrites;
}

/** Is told what becomes of what is written. */
export interface TlsWritesHost {
  /** Nothing is unsent any more, if it was asked for. */
  onSent(): void;
  onWriteFailed(error: NodeJS.ErrnoException): void;
  /** Everything, and the end, is handed to the kernel. */
  onFinished(): void;
}

function onWritten(this: HandleRequest, status: number): void {
  (this as OwnedRequest)[owner]!.noteWritten(status);
}

function onShutdown(this: HandleRequest): void {
  (this as OwnedRequest)[owner]!.noteShutdown();
}

/** The writes of one socket. */
export class TlsWrites {
  bytesWritten = 0;
  /** What is written waits until it is uncorked. */
  isCorked = false;
  /** `onSent` is to be called. */
  isAwaited = false;
  readonly #handle: TlsHandle;
  readonly #below: StreamHandle;
  readonly #host: TlsWritesHost;
  #waiting: (string | Buffer)[] = [];
  #waitingBytes = 0;
  /** Of the write under way; 0 if the kernel has taken it. */
  #leavingBytes = 0;
  /** The handle takes nothing: because of a write, or because the handshake is not done. */
  #isBusy = true;
  #isEnding = false;
  #hasFailed = false;
  #isDropped = false;

  constructor(handle: TlsHandle, below: StreamHandle, host: TlsWritesHost) {
    this.#handle = handle;
    this.#below = below;
    this.#host = host;
  }

  get unsentBytes(): number {
    return this.#waitingBytes + this.#leavingBytes;
  }

  /** The handshake is done. */
  begin(): void {
    this.#isBusy = false;
    this.go();
  }

  write(piece: string | Buffer): void {
    if (piece.length === 0) return;
    this.bytesWritten += piece.length;
    if (this.#hasFailed) this.#waitingBytes += piece.length;
    else if (!this.#isBusy && !this.isCorked && piece.length <= maxWriteBytes) this.#send(piece);
    else {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.length;
      this.go();
    }
  }

  /** Writes what waits, if it may be. */
  go(): void {
    if (this.#isBusy || this.isCorked || this.#hasFailed) return;
    if (this.#waitingBytes > 0) this.#send(this.#next());
    else if (this.#isEnding) this.#shutDown();
  }

  /** Takes what is to be written next from what waits: a large piece as it is, or its beginning; else as much as fits. */
  #next(): string | Buffer {
    const waiting = this.#waiting;
    const first = waiting[0]!;
    if (waiting.length === 1 && first.length <= maxWriteBytes) {
      this.#waiting = [];
      this.#waitingBytes = 0;
      return first;
    }
    if (first.length >= maxWriteBytes) {
      const bytes = typeof first === "string" ? ownBytesOf(first) : first;
      waiting[0] = bytes.subarray(maxWriteBytes);
      if (waiting[0].length === 0) waiting.shift();
      this.#waitingBytes -= maxWriteBytes;
      return bytes.subarray(0, maxWriteBytes);
    }
    return this.#gather();
  }

  #gather(): Buffer {
    const into = (gathered ??= Buffer.allocUnsafeSlow(maxWriteBytes));
    const waiting = this.#waiting;
    let used = 0;
    let taken = 0;
    while (taken < waiting.length && used < maxWriteBytes) {
      const piece = waiting[taken]!;
      const room = maxWriteBytes - used;
      if (typeof piece === "string") into.latin1Write(piece, used, room);
      else piece.copy(into, used, 0, room);
      if (piece.length > room) {
        waiting[taken] = typeof piece === "string" ? piece.slice(room) : piece.subarray(room);
        used = maxWriteBytes;
      } else {
        used += piece.length;
        taken++;
      }
    }
    if (taken === waiting.length) this.#waiting = [];
    else waiting.splice(0, taken);
    this.#waitingBytes -= used;
    return into.subarray(0, used);
  }

  #send(piece: string | Buffer): void {
    // What TLS itself has written, and the handle not committed, keeps the rest back.
    const isClear = this.#handle.writeQueueSize === 0;
    // Before the call: the handle may read within it, and the reader may write.
    this.#isBusy = true;
    const request: OwnedRequest = door.createWrite();
    request[owner] = this;
    request.oncomplete = onWritten;
    const code =
      typeof piece === "string"
        ? this.#handle.writeLatin1String(request, piece)
        : this.#handle.writeBuffer(request, piece);
    if (code !== 0) {
      this.#leavingBytes = piece.length;
      this.#fail(code);
      return;
    }
    this.#leavingBytes = isClear && this.#below.writeQueueSize === 0 ? 0 : piece.length;
  }

  /** For `onWritten`. */
  noteWritten(status: number): void {
    if (this.#isDropped) return;
    this.#isBusy = false;
    if (status < 0) {
      this.#fail(status);
      return;
    }
    this.#leavingBytes = 0;
    this.go();
    if (!this.isAwaited || this.unsentBytes > 0) return;
    this.isAwaited = false;
    this.#host.onSent();
  }

  #fail(code: number): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#waiting = [];
    this.#host.onWriteFailed(systemError(code, "write"));
  }

  /** TLS's end and a FIN, behind what waits. */
  end(): void {
    this.#isEnding = true;
    this.go();
  }

  #shutDown(): void {
    // What TLS itself is writing would come behind the FIN: it goes first.
    if (this.#handle.writeQueueSize === 0) this.#askForShutdown();
    else {
      this.#isBusy = true;
      setImmediate(clearWay, this);
    }
  }

  /** Has the handle tell when it has written everything. It reads meanwhile, so not within a reader's call. */
  clearWay(): void {
    if (this.#isDropped) return;
    this.#isBusy = false;
    if (this.#handle.writeQueueSize === 0) this.#askForShutdown();
    else this.#send(nothing);
  }

  #askForShutdown(): void {
    this.#isBusy = true;
    // It fails if the peer has reset the connection: reading finds that, too, and says it.
    if (this.#handle.shutdown(this.#shutdownRequest()) !== 0) process.nextTick(finish, this);
  }

  #shutdownRequest(): OwnedRequest {
    const request: OwnedRequest = door.createShutdown();
    request[owner] = this;
    request.oncomplete = onShutdown;
    return request;
  }

  /** For `onShutdown`. */
  noteShutdown(): void {
    if (!this.#isDropped) this.#host.onFinished();
  }

  /** The socket is about to be closed: TLS's end is said if nothing is to come before it. */
  sayEnd(): void {
    if (this.#isBusy || this.#waitingBytes > 0 || this.#handle.writeQueueSize > 0) return;
    this.#handle.shutdown(this.#shutdownRequest());
  }

  /** The socket is closed. */
  drop(): void {
    this.#isDropped = true;
    this.#waiting = [];
  }
}

function clearWay(writes: TlsWrites): void {
  writes.clearWay();
}

function finish(writes: TlsWrites): void {
  writes.noteShutdown();
}
