/**
 * A client that sends exactly the bytes it is told to, in the pieces it is told to, and reads answers with the strict
 * reader.
 */
import { createConnection, type NetConnectOpts, type Socket } from "node:net";
import { RawConnection } from "./raw-connection.ts";
import { Signal } from "./signal.ts";
import { readResponse, type WireResponse } from "./wire-reader.ts";

/** One TCP connection to a proxy. It never closes its side by itself. */
export class RawClient extends RawConnection {
  /** The error of the socket, if it broke. */
  error: NodeJS.ErrnoException | null = null;

  /** @param socket connecting or connected, with `allowHalfOpen`. */
  constructor(socket: Socket) {
    const signal = new Signal();
    super(socket, signal);
    socket.on("data", (chunk: Buffer) => {
      this.keep(chunk);
      signal.notify();
    });
    socket.on("end", () => {
      this.isEnded = true;
      signal.notify();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error;
    });
    socket.on("close", () => {
      this.isClosed = true;
      signal.notify();
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

  /** Nothing more can be received. */
  get isOver(): boolean {
    return this.isEnded || this.isClosed;
  }

  /** Waits until at least `count` bytes were received. */
  async untilReceived(count: number): Promise<void> {
    await this.until(() => this.received.length >= count, `${count} bytes were received`);
  }

  /**
   * The next complete answer, to a request with `method`.
   * @throws when the connection ends before it is complete, or when the bytes are not strictly HTTP/1.1
   */
  async response(method = "GET"): Promise<WireResponse> {
    let found: WireResponse | null = null;
    await this.until(
      () => {
        const read = readResponse(this.received, this.readTo, { method, isClosed: this.isEnded });
        if (read !== null) {
          found = read.message;
          this.readTo = read.end;
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
    const read = readResponse(this.received, this.readTo, {
      method,
      isClosed: this.isEnded && this.error === null,
      partial: true,
    });
    if (read !== null) this.readTo = read.end;
    return read?.message ?? null;
  }

  /** Waits until the peer has finished or broken the connection. */
  untilOver(): Promise<void> {
    return this.until(() => this.isOver, "the connection was over");
  }

  /** Closes this side and waits until the whole connection is closed. */
  async close(): Promise<void> {
    if (!this.isClosed) this.socket.end();
    await this.until(() => this.isClosed, "the connection was closed on both sides");
  }

  /** Gives up the connection at once. */
  destroy(): void {
    this.socket.destroy();
  }
}
