/**
 * A wire that is a socket. It keeps reader and socket apart: events come to whoever has the wire now, once each, and
 * what a reader throws ends this wire alone.
 */
import { normalizeIp } from "../base/ip-address.ts";
import type { RosterMember } from "../base/roster.ts";
import type { KernelSocket, SocketListener, WireMemory } from "./kernel-socket.ts";
import { Output } from "./output.ts";
import { ownCopy } from "./own-bytes.ts";
import type { Session } from "./protocol.ts";
import type { Wire, WireOrigin, WireReader } from "./wire.ts";

/** Whoever has accounts of wires. */
export interface WireHost {
  /** `wire` is closed: once for each, within the call that closes it. */
  onWireClosed(wire: SocketWire): void;
  onInternalError(error: unknown): void;
}

/** Nobody has it yet. */
const nobody: WireReader = { onBytes() {}, onWritable() {}, onEnd() {}, onFinish() {}, onGone() {} };

/** How long a peer is silent before the kernel probes it. */
const probeDelayMs = 15_000;

/** A wire on a plain socket. */
export class SocketWire implements Wire, SocketListener, RosterMember {
  /** In the roster of its host. */
  place = -1;
  /** What its host has made of it; null = nothing yet. */
  session: Session | null = null;
  origin: WireOrigin;
  output: Output;
  memory: WireMemory;
  kernelSocket: KernelSocket;
  readonly #host: WireHost;
  #reader: WireReader = nobody;
  /** What was put back and nobody has been given yet. */
  #rest: Buffer | null = null;
  /** A reader is being called with bytes. */
  #isDelivering = false;
  /** It has been handed on, and the new reader has not been given the rest. */
  #isHandedOn = false;
  /** The reader wants no more for now. */
  #isPaused = false;
  /** Nobody reads what was put back: the socket rests. */
  #isHeld = false;
  #hasEnded = false;
  #isFinishAwaited = false;
  #isClosed = false;

  constructor(socket: KernelSocket, origin: WireOrigin, host: WireHost) {
    this.origin = origin;
    this.kernelSocket = socket;
    this.#host = host;
    this.memory = socket.memory;
    this.output = new Output(socket, this);
    socket.listener = this;
  }

  handTo(reader: WireReader): void {
    if (this.#isClosed) {
      process.nextTick(tellGone, reader, this.#host);
      return;
    }
    const isFirst = this.#reader === nobody;
    this.#reader = reader;
    if (isFirst) {
      // Until its handshake is done, whoever makes that is told of a socket with TLS.
      this.kernelSocket.listener = this;
      this.kernelSocket.startReading();
      return;
    }
    this.#isHandedOn = true;
    this.resume();
    if (!this.#isDelivering) process.nextTick(deliverLate, this);
  }

  standOn(socket: KernelSocket): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.kernelSocket = socket;
    this.memory = socket.memory;
    this.output = new Output(socket, this);
    this.#reader = nobody;
    this.#rest = null;
    this.#isHandedOn = false;
    this.#isPaused = false;
    this.#isHeld = false;
    this.#hasEnded = false;
  }

  putBack(bytes: Buffer): void {
    this.#rest = bytes;
  }

  // Reading.

  onRead(byteCount: number, bytes: Buffer): void {
    if (this.#isClosed) return;
    // A socket of Node's own reads on although it was told to pause, if it was told to begin in the same turn.
    if (this.#isPaused || this.#isHeld) this.kernelSocket.pause();
    this.#isDelivering = true;
    try {
      this.#reader.onBytes(bytes, byteCount);
      if (this.#rest !== null || this.#isHandedOn) this.#giveRest();
    } catch (error) {
      this.#fail(error);
    }
    this.#isDelivering = false;
  }

  /** Gives what was put back to the next reader, if there is one already; else keeps a copy of it for that one. */
  #giveRest(): void {
    while (this.#rest !== null && this.#isHandedOn && !this.#isClosed) {
      const bytes = this.#rest;
      this.#rest = null;
      this.#isHandedOn = false;
      this.#reader.onBytes(bytes, bytes.length);
    }
    if (this.#rest === null) this.#isHandedOn = false;
    if (this.#rest === null || this.#isHeld || this.#isClosed) return;
    this.#rest = ownCopy(this.#rest);
    this.#isHeld = true;
    this.kernelSocket.pause();
  }

  /** Gives a reader that got the wire between two reads what has come before it. */
  deliverLate(): void {
    if (this.#isClosed || !this.#isHandedOn) return;
    this.#isDelivering = true;
    try {
      this.#giveRest();
      if (this.#rest === null) {
        if (this.#isHeld && !this.#isPaused) this.kernelSocket.resume();
        this.#isHeld = false;
        if (this.#hasEnded && !this.#isClosed) this.#reader.onEnd();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isDelivering = false;
  }

  pause(): void {
    if (this.#isPaused || this.#isClosed) return;
    this.#isPaused = true;
    this.kernelSocket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isClosed) return;
    this.#isPaused = false;
    if (!this.#isHeld) this.kernelSocket.resume();
  }

  keepMemory(): void {
    this.kernelSocket.keepMemory();
  }

  onEnd(): void {
    this.#hasEnded = true;
    if (this.#isClosed || this.#rest !== null || this.#isHandedOn) return;
    try {
      this.#reader.onEnd();
    } catch (error) {
      this.#fail(error);
    }
  }

  // Writing.

  onSent(): void {
    this.output.onSent();
  }

  onWritable(): void {
    if (this.#isClosed) return;
    try {
      this.#reader.onWritable();
    } catch (error) {
      this.#fail(error);
    }
  }

  end(): void {
    this.kernelSocket.end();
  }

  awaitFinish(): void {
    this.#isFinishAwaited = true;
  }

  onFinish(): void {
    if (this.#isClosed || !this.#isFinishAwaited) return;
    this.#isFinishAwaited = false;
    try {
      this.#reader.onFinish();
    } catch (error) {
      this.#fail(error);
    }
  }

  // Ending.

  destroy(): void {
    if (this.#isClosed) return;
    this.kernelSocket.destroy();
    this.#close();
  }

  reset(): void {
    if (this.#isClosed) return;
    // One whose FIN is on its way cannot be reset: Node would never close it.
    if (this.canReset && !this.kernelSocket.isEnding) this.kernelSocket.reset();
    else this.kernelSocket.destroy();
    this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    this.#rest = null;
    this.#host.onWireClosed(this);
  }

  /** A bug of ours in a reader. */
  #fail(error: unknown): void {
    this.#host.onInternalError(error);
    this.onLost(null);
  }

  onLost(error: NodeJS.ErrnoException | null): void {
    if (this.#isClosed) return;
    try {
      this.#reader.onGone(error);
    } catch (bug) {
      this.#host.onInternalError(bug);
    }
    this.destroy();
  }

  probeSilentPeer(): void {
    this.kernelSocket.probeSilentPeer(probeDelayMs);
  }

  // What is known of it.

  get isEnding(): boolean {
    return this.kernelSocket.isEnding;
  }

  get isFinished(): boolean {
    return this.kernelSocket.isFinished;
  }

  get hasFailed(): boolean {
    return this.kernelSocket.hasFailed;
  }

  get hasEndedUncleanly(): boolean {
    return this.kernelSocket.hasEndedUncleanly;
  }

  /** A Unix socket, which has no address, knows no reset. */
  get canReset(): boolean {
    return this.kernelSocket.remoteAddress !== undefined;
  }

  get writtenBytes(): number {
    return this.kernelSocket.bytesWritten;
  }

  get handedOnBytes(): number {
    return this.kernelSocket.bytesWritten - this.kernelSocket.unsentBytes;
  }

  lookForArrival(): "nothing" | "something" | "unknown" {
    return this.kernelSocket.lookForArrival();
  }
}

function tellGone(reader: WireReader, host: WireHost): void {
  try {
    reader.onGone(null);
  } catch (error) {
    host.onInternalError(error);
  }
}

function deliverLate(wire: SocketWire): void {
  wire.deliverLate();
}

/** The wire of a connection that was accepted. Nothing of it is read before it is handed to a reader. */
export function acceptedWire(socket: KernelSocket, host: WireHost): SocketWire {
  const { remoteAddress, remotePort } = socket;
  const peerAddress = normalizeIp(remoteAddress ?? "") ?? "";
  return new SocketWire(socket, { peerAddress, peerPort: remotePort ?? 0, scheme: "http", tls: null }, host);
}
