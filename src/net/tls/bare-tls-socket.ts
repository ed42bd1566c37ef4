/**
 * A TLS socket on a bare handle: OpenSSL's handle stands on the one that was taken over, and reads and writes through
 * it. What has to be known of it:
 *
 * - Its callbacks come from within OpenSSL. It may be destroyed in them: the handle below is closed at once, and OpenSSL
 *   only when that is done.
 * - It knows one write at a time; a second one ends the process. `TlsWrites` keeps the rest.
 * - It reads on after `readStop` until it has given all that it has decrypted: that is held here.
 * - It says a FIN and TLS's own end of data (`close_notify`) alike. After a FIN the handle below has stopped reading.
 */
import { readSync } from "node:fs";
import { afterReading } from "../after-reading.ts";
import { type BareSocket, localEndOf, sharedReadMemory } from "../bare-socket.ts";
import { nobodyListens, type SocketEnd, type SocketListener, WireMemory } from "../kernel-socket.ts";
import {
  endOfFile,
  isStopped,
  type StreamDoor,
  type StreamHandle,
  streamDoor,
  type TlsHandle,
} from "../node-internals.ts";
import { ownCopy } from "../own-bytes.ts";
import { maxRecordBytes, ReadBuffer } from "../read-buffer.ts";
import { systemError } from "../system-error.ts";
import { alpnList } from "./alpn-list.ts";
import { BareTlsFacts } from "./bare-tls-facts.ts";
import { receiveInParts } from "./receive-in-parts.ts";
import { TlsWrites } from "./tls-writes.ts";
import type { DialTlsOptions, TlsRole, TlsSocket, TlsStarter } from "./tls-socket.ts";

const door: StreamDoor = streamDoor!;

/** Whose a handle is. The one below is held by the event loop until it is closed, and so holds all the rest. */
const owner = Symbol("owner");

interface OwnedTlsHandle extends TlsHandle {
  [owner]?: BareTlsSocket;
}

interface OwnedHandle extends StreamHandle {
  [owner]?: BareTlsSocket;
}

/** What is read from the kernel to look for arrivals. */
const arrivalBytes = 16_384;
let arrivals: Buffer | null = null;

// What Node.js calls, with the handle as `this`: functions that all sockets share.

function onread(this: StreamHandle): Uint8Array | undefined {
  return (this as OwnedTlsHandle)[owner]!.take(door.readCount());
}

function onHandshakeStart(): void {}

function onHandshakeDone(this: TlsHandle): void {
  (this as OwnedTlsHandle)[owner]!.noteSecure();
}

function onError(this: TlsHandle, error: NodeJS.ErrnoException): void {
  (this as OwnedTlsHandle)[owner]!.lose(error);
}

function onNewSession(this: TlsHandle, _id: Buffer, session: Buffer): void {
  (this as OwnedTlsHandle)[owner]!.noteSession(session);
}

/** Called by the handle below. */
function onClosed(this: StreamHandle): void {
  (this as OwnedHandle)[owner]!.noteClosed();
}

/** As `BareSocket`: one that was accepted has `shared` memory and fails with its first write that fails. */
export class BareTlsSocket implements TlsSocket {
  listener: SocketListener = nobodyListens;
  readonly memory: WireMemory;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  bytesRead = 0;
  isEnding = false;
  isFinished = false;
  hasFailed = false;
  isDestroyed = false;
  hasEndedUncleanly = false;
  facts: BareTlsFacts | null = null;
  readonly #below: OwnedHandle;
  readonly #handle: OwnedTlsHandle;
  readonly #writes: TlsWrites;
  /** Null = the thread's memory. */
  readonly #readBuffer: ReadBuffer | null;
  #bytes: Buffer;
  /** Null once the handshake is over. */
  #starter: TlsStarter | null;
  readonly #onSession: ((session: Buffer) => void) | null;
  #isReading = false;
  /** What came while it was not reading. */
  #held: Buffer[] | null = null;
  #isDeliveringLate = false;
  /** Nothing more comes. */
  #hasEnded = false;
  #isEndHeld = false;
  #isLooking = false;

  constructor(socket: BareSocket, role: TlsRole, starter: TlsStarter) {
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.#starter = starter;
    const { secureContext, alpn } = "accept" in role ? role.accept : role.dial;
    const below: OwnedHandle = socket.handOver(this);
    const handle: OwnedTlsHandle = door.createTls(below, secureContext.context, "accept" in role ? "server" : "client");
    this.#below = below;
    this.#handle = handle;
    below[owner] = this;
    handle[owner] = this;
    this.#writes = new TlsWrites(handle, below, this);
    this.#readBuffer = "accept" in role ? null : new ReadBuffer(maxRecordBytes);
    this.memory = this.#readBuffer === null ? WireMemory.shared : WireMemory.lent;
    this.#bytes = this.#readBuffer?.take() ?? sharedReadMemory;
    this.#onSession = "accept" in role ? null : role.dial.onSession;
    handle.onread = onread;
    handle.onhandshakestart = onHandshakeStart;
    handle.onhandshakedone = onHandshakeDone;
    handle.onerror = onError;
    door.readInto(handle, this.#bytes);
    if (alpn.length > 0) handle.setALPNProtocols(alpnList(alpn));
    if ("accept" in role) {
      const { verify, ocsp, received } = role.accept;
      if (verify !== "none") handle.setVerifyMode(true, verify === "require");
      if (ocsp !== null) handle.setOCSPResponse(ocsp);
      handle.readStart();
      receiveInParts(handle, received, this);
    } else {
      this.#prepareClient(role.dial);
      handle.readStart();
      handle.start();
    }
  }

  #prepareClient(options: DialTlsOptions): void {
    const handle = this.#handle;
    if (options.serverName !== null) handle.setServername(options.serverName);
    if (options.session !== null) handle.setSession(options.session);
    if (options.onSession === null) return;
    handle.onnewsession = onNewSession;
    handle.enableSessionCallbacks();
  }

  /** For `onHandshakeDone`, which comes again after a renegotiation, if there is any. */
  noteSecure(): void {
    const starter = this.#starter;
    if (this.isDestroyed || starter === null) return;
    this.#starter = null;
    this.facts = new BareTlsFacts(this.#handle, this.#readBuffer === null ? "server" : "client");
    starter.onSecure(this);
    if (this.isDestroyed) return;
    this.#writes.begin();
    if (!this.#isReading) this.#handle.readStop();
  }

  /** For `onNewSession`. */
  noteSession(session: Buffer): void {
    if (!this.isDestroyed) this.#onSession?.(session);
  }

  // What is known of it.

  get descriptor(): number {
    return this.isDestroyed ? -1 : this.#below.fd;
  }

  get networkBytesRead(): number {
    return this.isDestroyed ? 0 : (this.#below.bytesRead ?? 0);
  }

  localEnd(): SocketEnd | null {
    return this.isDestroyed ? null : localEndOf(this.#below);
  }

  get bytesWritten(): number {
    return this.#writes.bytesWritten;
  }

  get unsentBytes(): number {
    return this.isDestroyed ? 0 : this.#writes.unsentBytes;
  }

  get partlySentMark(): number {
    return this.isDestroyed ? 0 : this.#below.writeQueueSize;
  }

  // Reading.

  startReading(): void {
    this.resume();
  }

  pause(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    // A handshake, and what is written in its course, needs to be read.
    if (!this.isDestroyed && this.facts !== null) this.#handle.readStop();
  }

  resume(): void {
    if (this.#isReading || this.isDestroyed) return;
    this.#isReading = true;
    if (this.#held !== null || this.#isEndHeld) this.#deliverLate();
    else if (!this.#hasEnded) this.#handle.readStart();
  }

  #deliverLate(): void {
    if (this.#isDeliveringLate) return;
    this.#isDeliveringLate = true;
    process.nextTick(deliverHeld, this);
  }

  /** Gives what came while it was not reading. */
  deliverHeld(): void {
    this.#isDeliveringLate = false;
    while (this.#held !== null && this.#isReading && !this.isDestroyed) {
      const bytes = this.#held.shift()!;
      if (this.#held.length === 0) this.#held = null;
      this.#give(bytes.length, bytes);
    }
    if (this.#held !== null || !this.#isReading || this.isDestroyed) return;
    if (this.#isEndHeld) this.#giveEnd();
    else if (!this.#hasEnded) this.#handle.readStart();
  }

  keepMemory(): void {
    this.#readBuffer?.surrender();
  }

  /** For `onread`. @returns the memory for the next read, if it is another */
  take(count: number): Buffer | undefined {
    if (this.isDestroyed || count === 0) return undefined;
    if (count < 0) {
      if (count === endOfFile) this.#takeEnd();
      else this.lose(systemError(count, "read"));
      return undefined;
    }
    this.bytesRead += count;
    // It has given up reading only when it is asked to, within this call: what is held comes first.
    if (!this.#isReading || this.#held !== null || this.#isLooking) {
      (this.#held ??= []).push(ownCopy(this.#bytes, count));
      if (!this.#isReading) this.#handle.readStop();
      return undefined;
    }
    this.#give(count, this.#bytes);
    this.#readBuffer?.noteRead(count);
    const next = this.#readBuffer?.take();
    if (next !== undefined) this.#bytes = next;
    return next;
  }

  #give(byteCount: number, bytes: Buffer): void {
    this.listener.onRead(byteCount, bytes);
  }

  #takeEnd(): void {
    if (this.#starter !== null) {
      this.lose(null);
      return;
    }
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    // While it does not read, only TLS's own end can come.
    this.hasEndedUncleanly = this.#isReading && !this.#isLooking && isStopped(this.#below);
    // What the peer sends after its end means nothing.
    this.#handle.readStop();
    if (this.#isReading && this.#held === null && !this.#isLooking) this.#giveEnd();
    else this.#isEndHeld = true;
  }

  #giveEnd(): void {
    this.#isEndHeld = false;
    this.#isReading = false;
    this.listener.onEnd();
    this.#closeIfDone();
  }

  /**
   * Reads what the kernel has and gives it to TLS, which may take it for its own: a ticket, say. So nothing is lost, and
   * the connection may go on if there was `nothing`.
   */
  lookForArrival(): "nothing" | "something" | "unknown" {
    if (this.isDestroyed) return "unknown";
    if (this.#held !== null || this.#hasEnded) return "something";
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    this.#isLooking = true;
    try {
      arrivals ??= Buffer.allocUnsafeSlow(arrivalBytes);
      const count = readSync(this.#below.fd, arrivals, 0, arrivalBytes, null);
      if (count === 0) return "something";
      this.#handle.receive(arrivals.subarray(0, count));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EAGAIN" ? "nothing" : "something";
    } finally {
      this.#isLooking = false;
      Error.stackTraceLimit = stackTraceLimit;
    }
    if (this.#isReading && (this.#held !== null || this.#isEndHeld)) this.#deliverLate();
    return this.isDestroyed || this.#held !== null || this.#hasEnded ? "something" : "nothing";
  }

  // Writing.

  writeText(text: string): void {
    if (!this.isDestroyed && !this.isEnding) this.#writes.write(text);
  }

  writeBytes(bytes: Buffer): void {
    if (!this.isDestroyed && !this.isEnding) this.#writes.write(bytes);
  }

  cork(): void {
    this.#writes.isCorked = true;
  }

  uncork(): void {
    if (!this.#writes.isCorked) return;
    this.#writes.isCorked = false;
    if (!this.isDestroyed) this.#writes.go();
  }

  awaitSent(): void {
    this.#writes.isAwaited = true;
  }

  /** For `TlsWrites`. */
  onSent(): void {
    this.listener.onSent();
  }

  /** For `TlsWrites`. */
  onWriteFailed(error: NodeJS.ErrnoException): void {
    this.hasFailed = true;
    if (this.#readBuffer === null || this.facts === null) this.lose(error);
    else afterReading(this, () => this.lose(error));
  }

  // Ending.

  end(): void {
    if (this.isDestroyed || this.isEnding) return;
    this.isEnding = true;
    this.#writes.isCorked = false;
    this.#writes.end();
  }

  /** For `TlsWrites`. */
  onFinished(): void {
    if (this.isDestroyed) return;
    this.isFinished = true;
    this.listener.onFinish();
    this.#closeIfDone();
  }

  /** Both directions have ended. */
  #closeIfDone(): void {
    if (this.#hasEnded && !this.#isEndHeld && this.isFinished) this.lose(null);
  }

  /** Also for `onError`. */
  lose(error: NodeJS.ErrnoException | null): void {
    if (this.isDestroyed) return;
    const starter = this.#starter;
    this.#starter = null;
    this.#close("now");
    process.nextTick(tellLost, this, starter, error);
  }

  fail(error: NodeJS.ErrnoException): void {
    this.lose(error);
  }

  destroy(): void {
    if (this.isDestroyed) return;
    // Said if nothing is on its way before it.
    if (this.facts !== null && !this.isEnding && !this.hasFailed) this.#writes.sayEnd();
    this.#close("now");
  }

  reset(): void {
    if (!this.isDestroyed) this.#close("byReset");
  }

  #close(how: "now" | "byReset"): void {
    this.isDestroyed = true;
    this.#starter = null;
    this.#held = null;
    this.facts?.close();
    this.#writes.drop();
    if (how === "now" || this.#below.reset?.(onClosed) !== 0) this.#below.close(onClosed);
  }

  /** For `onClosed`. */
  noteClosed(): void {
    this.#handle.destroySSL();
  }

  probeSilentPeer(delayMs: number): void {
    if (!this.isDestroyed) this.#below.setKeepAlive?.(true, delayMs / 1_000);
  }
}

function deliverHeld(socket: BareTlsSocket): void {
  socket.deliverHeld();
}

function tellLost(socket: BareTlsSocket, starter: TlsStarter | null, error: NodeJS.ErrnoException | null): void {
  if (starter === null) socket.listener.onLost(error);
  else starter.onTlsFailed(error);
}
