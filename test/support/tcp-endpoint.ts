/** An endpoint of bytes: it keeps what reaches it, and sends and ends when it is told to. It never ends by itself. */
import { createServer, type Server, type Socket } from "node:net";
import type { Harness } from "./harness.ts";
import { RawConnection } from "./raw-connection.ts";
import { Signal } from "./signal.ts";

/** One connection that a proxy opened. */
export class TcpConnection extends RawConnection {
  error: NodeJS.ErrnoException | null = null;

  constructor(socket: Socket, signal: Signal) {
    super(socket, signal);
    socket.on("data", (chunk: Buffer) => {
      this.keep(chunk);
      signal.notify();
    });
    socket.on("end", () => {
      this.isEnded = true;
      signal.notify();
    });
    socket.on("error", (error) => (this.error = error));
    socket.on("close", () => {
      this.isClosed = true;
      signal.notify();
    });
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  untilText(text: string): Promise<void> {
    return this.until(
      () => this.text === text,
      () => `${JSON.stringify(text)} came; so far ${JSON.stringify(this.text.slice(0, 200))}`,
    );
  }
}

/** A server of TCP on a loopback port. */
export class TcpEndpoint {
  readonly port: number;
  /** All since the start. */
  readonly connections: TcpConnection[] = [];
  readonly #server: Server;
  readonly #signal = new Signal();

  private constructor(server: Server, port: number, onConnection: (connection: TcpConnection) => void) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => {
      const connection = new TcpConnection(socket, this.#signal);
      this.connections.push(connection);
      onConnection(connection);
      this.#signal.notify();
    });
  }

  /** Starts one, which ends with the harness. @param onConnection default: nothing */
  static async start(
    harness: Harness,
    onConnection: (connection: TcpConnection) => void = () => {},
    port = 0,
  ): Promise<TcpEndpoint> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    server.unref();
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const endpoint = new TcpEndpoint(server, address.port, onConnection);
    harness.atEnd(() => endpoint.close());
    return endpoint;
  }

  get url(): string {
    return `tcp://127.0.0.1:${this.port}`;
  }

  /** The connection number `index`, once it is there. */
  async connection(index = 0): Promise<TcpConnection> {
    await this.#signal.until(() => this.connections.length > index, `there are ${index + 1} connections`);
    return this.connections[index]!;
  }

  /** Connections still open. */
  get openCount(): number {
    return this.connections.filter(({ isClosed }) => !isClosed).length;
  }

  /** Breaks all connections and stops listening. */
  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** The options of a proxy with one listener of TCP, whose sessions go to `endpoints`. */
export function tcpProxy(
  endpoints: readonly TcpEndpoint[],
  more: Readonly<Record<string, unknown>> = {},
): { listener: Record<string, unknown>; routes: unknown[]; endpoints: string[] } {
  return {
    listener: { name: "main", mode: "tcp" },
    routes: [{ name: "all", match: { listener: "main" }, upstream: "app" }],
    endpoints: endpoints.map(({ url }) => url),
    ...more,
  };
}
