/**
 * A socket over one of Node's own: where `streamDoor` is shut, and for what stands on such a socket. Accepted ones give
 * every read in memory of its own.
 */
import type { Socket } from "node:net";
import { lookForArrival } from "./arrival.ts";
import type { DialTarget } from "./dial-target.ts";
import { DialledSocket } from "./dialled-socket.ts";
import {
  type Ends,
  type KernelSocket,
  nobodyListens,
  type SocketEnd,
  type SocketListener,
  type SocketProgress,
  WireMemory,
} from "./kernel-socket.ts";
import { descriptorOf, writeQueueBytesOf } from "./node-internals.ts";

/** How far the peer of a socket of Node's own has come. */
export class PlainProgress implements SocketProgress {
  protected readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get descriptor(): number {
    return descriptorOf(this.socket);
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress;
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.socket.bytesWritten;
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  get partlySentMark(): number {
    return writeQueueBytesOf(this.socket);
  }
}

/** A `net.Socket` that is half-open and without Nagle's algorithm. */
export class PlainSocket extends PlainProgress implements KernelSocket {
  listener: SocketListener = nobodyListens;
  readonly memory: WireMemory;
  #isLost = false;
  #successor: Ends | null = null;

  constructor(socket: Socket) {
    super(socket);
    this.memory = socket instanceof DialledSocket ? WireMemory.lent : WireMemory.given;
    socket.on("end", () => this.listener.onEnd());
    socket.on("finish", () => this.listener.onFinish());
    socket.on("error", this.noteLost);
    socket.on("close", this.noteLost);
  }

  /** One that is to `connect`. */
  static toConnect(): PlainSocket {
    return new PlainSocket(new DialledSocket());
  }

  /** Begins to connect; `connected` or `onLost` follows, later. As `BareSocket.connect`. */
  connect(target: DialTarget, connected: () => void): void {
    this.socket.on("connect", connected);
    this.socket.connect("path" in target ? target : { ...target, autoSelectFamily: false });
  }

  /** As `BareSocket.handOver`. @param received what was read already: the socket gives it once more */
  handOver(successor: Ends, received: Uint8Array): Socket {
    const { socket } = this;
    if (socket.destroyed || socket.writableLength > 0)
      throw new Error("a socket is handed over that is closed, or writes");
    this.#isLost = true;
    this.#successor = successor;
    this.listener = nobodyListens;
    socket.removeListener("data", this.#onData);
    socket.pause();
    if (received.length > 0) socket.unshift(Buffer.from(received));
    return socket;
  }

  get hasEndedUncleanly(): boolean {
    return false;
  }

  get remotePort(): number | undefined {
    return this.socket.remotePort;
  }

  get isEnding(): boolean {
    return this.socket.writableEnded;
  }

  get isFinished(): boolean {
    return this.socket.writableFinished;
  }

  get hasFailed(): boolean {
    return this.socket.errored !== null;
  }

  get isDestroyed(): boolean {
    return this.socket.destroyed;
  }

  localEnd(): SocketEnd | null {
    const { localAddress, localPort } = this.socket;
    return localAddress === undefined || localPort === undefined ? null : { address: localAddress, port: localPort };
  }

  startReading(): void {
    const { socket } = this;
    if (socket instanceof DialledSocket)
      socket.startReading((byteCount, bytes) => this.listener.onRead(byteCount, bytes));
    else socket.on("data", this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.listener.onRead(chunk.length, chunk);
  };

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  keepMemory(): void {
    if (this.socket instanceof DialledSocket) this.socket.memory.surrender();
  }

  writeText(text: string): void {
    if (this.#canWrite) this.socket.write(text, "latin1");
  }

  writeBytes(bytes: Buffer): void {
    if (this.#canWrite) this.socket.write(bytes);
  }

  get #canWrite(): boolean {
    return this.#successor === null && !this.isDestroyed && !this.socket.writableEnded;
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  /** An empty write queues behind the rest; its callback tells that everything is written. */
  awaitSent(): void {
    if (!this.isDestroyed) this.socket.write("", this.#onSent);
  }

  readonly #onSent = (error?: Error | null): void => {
    if (error === undefined || error === null) this.listener.onSent();
  };

  end(): void {
    if (this.#successor === null && !this.isDestroyed) this.socket.end();
  }

  destroy(): void {
    this.#successor?.destroy();
    this.#isLost = true;
    if (this.#successor === null) this.socket.destroy();
  }

  reset(): void {
    this.#successor?.reset();
    this.#isLost = true;
    if (this.#successor === null) this.socket.resetAndDestroy();
  }

  lookForArrival(): "nothing" | "something" | "unknown" {
    return lookForArrival(this.descriptor);
  }

  probeSilentPeer(delayMs: number): void {
    this.socket.setKeepAlive(true, delayMs);
  }

  protected readonly noteLost = (error?: NodeJS.ErrnoException | boolean): void => {
    if (this.#isLost) return;
    this.#isLost = true;
    this.socket.destroy();
    this.tellLost(error instanceof Error ? error : null);
  };

  protected tellLost(error: NodeJS.ErrnoException | null): void {
    this.listener.onLost(error);
  }
}
