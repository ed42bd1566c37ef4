/** A socket that is given exactly the bytes to send, in the pieces in which to send them, and keeps what it received. */
import type { Socket } from "node:net";
import { loopTurns, type Signal } from "./signal.ts";

/** What a client's and an endpoint's end of a connection have in common. */
export class RawConnection {
  readonly socket: Socket;
  readonly #signal: Signal;
  #chunks: Buffer[] = [];
  #received = Buffer.alloc(0);
  /** Where what was read ends. */
  protected readTo = 0;
  /** The peer finished its side. */
  isEnded = false;
  /** Nothing moves any more. */
  isClosed = false;

  /** @param signal is notified of what happens to the socket by whoever listens to it */
  constructor(socket: Socket, signal: Signal) {
    this.socket = socket;
    this.#signal = signal;
  }

  /** Everything received so far. */
  get received(): Buffer {
    if (this.#chunks.length > 0) {
      this.#received = Buffer.concat([this.#received, ...this.#chunks]);
      this.#chunks = [];
    }
    return this.#received;
  }

  /** What was received behind the messages read so far. */
  get unread(): Buffer {
    return this.received.subarray(this.readTo);
  }

  /** Sends `bytes` (text: latin1). Nothing happens when the socket is gone. */
  send(bytes: string | Buffer): void {
    if (this.socket.writable) this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Sends `bytes` in pieces cut at the offsets `cuts`, each piece read by the peer before the next leaves. */
  async sendSplit(bytes: Buffer, cuts: readonly number[]): Promise<void> {
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      if (cut <= from) continue;
      this.send(bytes.subarray(from, cut));
      from = cut;
      if (from < bytes.length) await loopTurns(2);
    }
  }

  /** Finishes the sending side (FIN). */
  end(): void {
    this.socket.end();
  }

  /** Breaks the connection (RST). */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Waits for a state, looked at after each event. */
  until(isTrue: () => boolean, what: string | (() => string)): Promise<void> {
    return this.#signal.until(isTrue, what);
  }

  protected keep(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  /** Forgets what was read so far. */
  protected forgetRead(): void {
    this.#received = Buffer.from(this.unread);
    this.readTo = 0;
  }
}
