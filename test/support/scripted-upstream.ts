/**
 * An endpoint that records, byte by byte, what reaches it and answers as a script says. Whatever a proxy sends is read
 * with the strict reader; bytes that do not pass are kept as `violations`, which no test may end with.
 */
import { createServer, type Server, type Socket } from "node:net";
import { RawConnection } from "./raw-connection.ts";
import { Signal } from "./signal.ts";
import { readRequest, WireError, type WireRequest } from "./wire-reader.ts";

/** One connection a proxy opened. */
export class UpstreamConnection extends RawConnection {
  /** 0 for the first connection since the start or the last `forget`. */
  readonly index: number;
  /** The complete requests, in order. */
  readonly requests: WireRequest[] = [];

  constructor(socket: Socket, index: number, signal: Signal) {
    super(socket, signal);
    this.index = index;
  }

  /** The request that has begun and is not complete, as far as it came; null if no head is complete. */
  get partialRequest(): WireRequest | null {
    return readRequest(this.received, this.readTo, { partial: true })?.message ?? null;
  }

  /** The bytes behind the last request are a tunnel's, or deliberately not a request: they are not read as one. */
  isRaw = false;

  /** Forgets what was read so far; an incomplete request stays. */
  forget(): void {
    this.forgetRead();
    this.requests.length = 0;
  }

  /** Takes received bytes; @returns the requests they complete. */
  take(chunk: Buffer): WireRequest[] {
    this.keep(chunk);
    const complete: WireRequest[] = [];
    while (!this.isRaw) {
      const read = readRequest(this.received, this.readTo);
      if (read === null) break;
      this.readTo = read.end;
      this.requests.push(read.message);
      complete.push(read.message);
      if (read.message.fields.some(([name]) => name.toLowerCase() === "upgrade")) this.isRaw = true;
    }
    return complete;
  }

  /** Waits until the proxy has finished or closed the connection. */
  untilOver(): Promise<void> {
    return this.until(() => this.isEnded || this.isClosed, "the proxy closed its upstream connection");
  }
}

/** What an endpoint does. Both are called with the connection; `onRequest` for each complete request. */
export interface Script {
  onConnection?(connection: UpstreamConnection): void;
  onRequest?(connection: UpstreamConnection, request: WireRequest): void;
  /** Received bytes, complete request or not; after `onRequest`. */
  onData?(connection: UpstreamConnection, chunk: Buffer): void;
}

/** Makes a socket that TLS is spoken on of one that was accepted. */
export type Secure = (socket: Socket) => Socket;

/** An answer to everything: 200 with the body `ok`. */
export const answerOk: Script = {
  onRequest: (connection, request) =>
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.method === "HEAD" ? "" : "ok"}`),
};

/** A scripted endpoint on a loopback port. The script may be replaced at any time. */
export class ScriptedUpstream {
  script: Script;
  readonly url: string;
  readonly port: number;
  /** Since the start or the last `forget`. */
  connections: UpstreamConnection[] = [];
  /** What reached the endpoint without being strictly HTTP/1.1; must stay empty. */
  readonly violations: string[] = [];
  readonly #server: Server;
  readonly #signal: Signal;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, script: Script, signal: Signal, url: string) {
    this.#server = server;
    this.script = script;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.#signal = signal;
  }

  /** @param script default: 200 with the body `ok` @param port to come back at a known one; default: any @param secure default: plain text */
  static async start(script: Script = answerOk, port = 0, secure: Secure | null = null): Promise<ScriptedUpstream> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    // A test that fails before it closes its endpoint must not keep the process alive.
    server.unref();
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const scheme = secure === null ? "http" : "https";
    const upstream = new ScriptedUpstream(server, script, new Signal(), `${scheme}://127.0.0.1:${address.port}`);
    server.on("connection", (socket) => upstream.#accept(secure?.(socket) ?? socket));
    return upstream;
  }

  /** The complete requests of all connections; in the order of connections, then of arrival. */
  get requests(): WireRequest[] {
    return this.connections.flatMap((connection) => connection.requests);
  }

  /** Connections accepted since the start or the last `forget`. */
  get connectionCount(): number {
    return this.connections.length;
  }

  /** Connections still open. */
  get openCount(): number {
    return this.#sockets.size;
  }

  /** Waits for a state, looked at after each event on any connection. */
  until(isTrue: () => boolean, what: string): Promise<void> {
    return this.#signal.until(isTrue, what);
  }

  /**
   * Starts a new record. Open connections stay open and keep only what they receive from now on, in the order they were
   * opened.
   */
  forget(): void {
    this.connections = this.connections.filter((connection) => !connection.isClosed && connection.unread.length === 0);
    for (const connection of this.connections) connection.forget();
  }

  /** Breaks all connections and stops listening. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Breaks all open connections; new ones are accepted. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    const connection = new UpstreamConnection(socket, this.connections.length, this.#signal);
    this.connections.push(connection);
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const request of connection.take(chunk)) {
          if (!/^(?:\/|\*$)/.test(request.target)) this.violations.push(`target ${request.target}`);
          this.script.onRequest?.(connection, request);
        }
        this.script.onData?.(connection, chunk);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        this.violations.push(
          `${error.message} in ${JSON.stringify(connection.unread.toString("latin1").slice(0, 300))}`,
        );
        socket.destroy();
      }
      this.#signal.notify();
    });
    socket.on("end", () => {
      connection.isEnded = true;
      this.#signal.notify();
      socket.end();
    });
    socket.on("close", () => {
      connection.isClosed = true;
      this.#sockets.delete(socket);
      this.#signal.notify();
    });
    this.script.onConnection?.(connection);
    this.#signal.notify();
  }
}
