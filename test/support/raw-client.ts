/**
 * A client that sends exactly the bytes it is told to, in the pieces it is told to, and reads answers with the strict
 * reader.
 */
import { createConnection, type NetConnectOpts, type Socket } from "node:net";
import { Signal, loopTurns } from "./signal.ts";
import { readResponse, type WireResponse } from "./wire-reader.ts";

/** One TCP connection to a proxy. It never closes its side by itself. */
export class RawClient {
  readonly socket: Socket;
  readonly #signal = new Signal();
  #chunks: Buffer[] = [];
  #received = Buffer.alloc(0);
  #readTo = 0;
  /** The peer finished its side. */
  isEnded = false;
  /** Nothing moves any more. */
  isClosed = false;
  /** The error of the socket, if it broke. */
  error: NodeJS.ErrnoException | null = null;

  /** @param socket connecting or connected, with `allowHalfOpen`. */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#signal.notify();
    });
    socket.on("end", () => {
      this.isEnded = true;
      this.#signal.notify();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error;
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#signal.notify();
    });
  }

  /** Connects to a loopback port, or elsewhere; small writes leave at once. */
  static async connect(target: number | NetConnectOpts): Promise<RawClient> {
    const where = typeof target === "number" ? { port: target, host: "127.0.0.1" } : target;
    const socket = createConnection({ ...where, allowHalfOpen: true, noDelay: true } as NetConnectOpts);
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  /** Everything received so far. */
  get received(): Buffer {
    if (this.#chunks.length > 0) {
      this.#received = Buffer.concat([this.#received, ...this.#chunks]);
      this.#chunks = [];
    }
    return this.#received;
  }

  /** What was received behind the answers read so far. */
  get unread(): Buffer {
    return this.received.subarray(this.#readTo);
  }

  /** Nothing more can be received. */
  get isOver(): boolean {
    return this.isEnded || this.isClosed;
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

  /** Waits for a state of this client. */
  until(isTrue: () => boolean, what: string | (() => string)): Promise<void> {
    return this.#signal.until(isTrue, what);
  }

  /** Waits until at least `count` bytes were received. */
  async untilReceived(count: number): Promise<void> {
    await this.#signal.until(() => this.received.length >= count, `${count} bytes were received`);
  }

  /**
   * The next complete answer, to a request with `method`.
   * @throws when the connection ends before it is complete, or when the bytes are not strictly HTTP/1.1
   */
  async response(method = "GET"): Promise<WireResponse> {
    let found: WireResponse | null = null;
    await this.#signal.until(
      () => {
        const read = readResponse(this.received, this.#readTo, { method, isClosed: this.isEnded });
        if (read !== null) {
          found = read.message;
          this.#readTo = read.end;
          return true;
        }
        if (this.isOver)
          throw new Error(
            `the connection ended within an answer, after ${JSON.stringify(this.unread.toString("latin1").slice(0, 400))}${this.error === null ? "" : ` (${this.error.code})`}`,
          );
        return false;
      },
      `an answer came; so far ${JSON.stringify(this.unread.toString("latin1").slice(0, 400))}`,
    );
    return found as unknown as WireResponse;
  }

  /** The answer as far as it came when the connection was over; null when not even a head came. */
  async brokenResponse(method = "GET"): Promise<WireResponse | null> {
    await this.untilOver();
    const read = readResponse(this.received, this.#readTo, {
      method,
      isClosed: this.isEnded && this.error === null,
      partial: true,
    });
    if (read !== null) this.#readTo = read.end;
    return read?.message ?? null;
  }

  /** Waits until the peer has finished or broken the connection. */
  untilOver(): Promise<void> {
    return this.#signal.until(() => this.isOver, "the connection was over");
  }

  /** Closes this side and waits until the whole connection is closed. */
  async close(): Promise<void> {
    if (!this.isClosed) this.socket.end();
    await this.#signal.until(() => this.isClosed, "the connection was closed on both sides");
  }

  /** Gives up the connection at once. */
  destroy(): void {
    this.socket.destroy();
  }
}
