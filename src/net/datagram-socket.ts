/**
 * One peer of UDP as a socket: each read is a datagram, and each write is one. Nothing tells that a peer is gone, and
 * nothing holds a writer up: what the kernel has no room for is lost, as anywhere in a network. Datagrams that come while
 * nobody reads wait, a few of them; more are lost.
 */
import { type KernelSocket, nobodyListens, type SocketEnd, type SocketListener, WireMemory } from "./kernel-socket.ts";

/** How many datagrams wait while nobody reads. */
const maxWaiting = 32;

const gaveWay: NodeJS.ErrnoException = Object.assign(new Error("another has its place"), { code: "GAVE_WAY" });

/** What a peer's datagrams go through. */
export interface DatagramDoor {
  send(datagram: Buffer): void;
  localEnd(): SocketEnd | null;
  /** The peer's socket is closed: once. */
  onClosed(): void;
}

/** The datagrams of one peer. */
export class DatagramSocket implements KernelSocket {
  listener: SocketListener = nobodyListens;
  readonly memory = WireMemory.given;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly descriptor = -1;
  readonly unsentBytes = 0;
  readonly partlySentMark = 0;
  readonly hasFailed = false;
  readonly hasEndedUncleanly = false;
  bytesRead = 0;
  bytesWritten = 0;
  isEnding = false;
  isFinished = false;
  isDestroyed = false;
  /** The peer has sent again after an answer: it is where it says. For who made this. */
  isProven = false;
  readonly #door: DatagramDoor;
  #waiting: Buffer[] = [];
  #isReading = false;

  constructor(peer: SocketEnd, door: DatagramDoor) {
    this.remoteAddress = peer.address;
    this.remotePort = peer.port;
    this.#door = door;
  }

  /** Takes a datagram that has come, for good. */
  take(datagram: Buffer): void {
    if (this.isDestroyed) return;
    if (this.#isReading && this.#waiting.length === 0) this.#deliver(datagram);
    else if (this.#waiting.length < maxWaiting) this.#waiting.push(datagram);
  }

  #deliver(datagram: Buffer): void {
    this.bytesRead += datagram.length;
    this.listener.onRead(datagram.length, datagram);
  }

  startReading(): void {
    this.resume();
  }

  pause(): void {
    this.#isReading = false;
  }

  resume(): void {
    this.#isReading = true;
    if (this.#waiting.length > 0) process.nextTick(deliverWaiting, this);
  }

  /** Delivers what has come while nobody read. */
  deliverWaiting(): void {
    while (this.#isReading && !this.isDestroyed) {
      const datagram = this.#waiting.shift();
      if (datagram === undefined) return;
      this.#deliver(datagram);
    }
  }

  keepMemory(): void {}

  writeText(text: string): void {
    this.writeBytes(Buffer.from(text, "latin1"));
  }

  writeBytes(bytes: Buffer): void {
    if (this.isDestroyed || this.isEnding) return;
    this.bytesWritten += bytes.length;
    this.#door.send(bytes);
  }

  cork(): void {}
  uncork(): void {}
  awaitSent(): void {}

  /** Nobody is told: there is no FIN. */
  end(): void {
    if (this.isDestroyed || this.isEnding) return;
    this.isEnding = true;
    this.isFinished = true;
    process.nextTick(finish, this);
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#waiting = [];
    this.#door.onClosed();
  }

  reset(): void {
    this.destroy();
  }

  /** Its place is taken by another: it is lost. */
  giveWay(): void {
    if (this.isDestroyed) return;
    this.destroy();
    this.listener.onLost(gaveWay);
  }

  localEnd(): SocketEnd | null {
    return this.isDestroyed ? null : this.#door.localEnd();
  }

  lookForArrival(): "unknown" {
    return "unknown";
  }

  probeSilentPeer(): void {}
}

function deliverWaiting(socket: DatagramSocket): void {
  socket.deliverWaiting();
}

function finish(socket: DatagramSocket): void {
  if (!socket.isDestroyed) socket.listener.onFinish();
}
