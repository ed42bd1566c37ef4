/**
 * A socket over one of Node's own: where `streamDoor` is shut, and for what stands on such a socket. Accepted ones give
 * every read in memory of its own.
 */
import type { Socket } from "node:net";
import type { DialTarget } from "./dial-target.ts";
import { DialledSocket } from "./dialled-socket.ts";
import {
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

  constructor(socket: Socket) {
    super(socket);
    this.memory = socket instanceof DialledSocket ? WireMemory.lent : WireMemory.given;
    socket.on("end", () => this.listener.onEnd());
    socket.on("finish", () => this.listener.onFinish());
    socket.on("error", this.#onLost);
    socket.on("close", this.#onLost);
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
    const socket = this.socket;
    const read = (byteCount: number, bytes: Buffer): void => this.listener.onRead(byteCount, bytes);
    if (socket instanceof DialledSocket) socket.startReading(read);
    else socket.on("data", (chunk: Buffer) => read(chunk.length, chunk));
  }

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
    return !this.socket.destroyed && !this.socket.writableEnded;
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  /** An empty write queues behind the rest; its callback tells that everything is written. */
  awaitSent(): void {
    this.socket.write("", this.#onSent);
  }

  readonly #onSent = (error?: Error | null): void => {
    if (error === undefined || error === null) this.listener.onSent();
  };

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.#isLost = true;
    this.socket.destroy();
  }

  reset(): void {
    this.#isLost = true;
    this.socket.resetAndDestroy();
  }

  probeSilentPeer(delayMs: number): void {
    this.socket.setKeepAlive(true, delayMs);
  }

  readonly #onLost = (error?: NodeJS.ErrnoException | boolean): void => {
    if (this.#isLost) return;
    this.#isLost = true;
    this.socket.destroy();
    this.listener.onLost(error instanceof Error ? error : null);
  };
}
