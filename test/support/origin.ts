/** A real HTTP server as an endpoint: `node:http` on a loopback port. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A running origin. */
export class Origin {
  readonly server: Server;
  readonly port: number;
  /** Connections accepted since the start. */
  connectionCount = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  /** @param listener answers the requests @param port to come back at a known one; default: any */
  static async start(listener: RequestListener, port = 0): Promise<Origin> {
    const server = createServer({ keepAliveTimeout: 60_000 }, listener);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    server.unref();
    const origin = new Origin(server, (server.address() as AddressInfo).port);
    server.on("connection", (socket) => {
      origin.connectionCount++;
      origin.#sockets.add(socket);
      socket.on("close", () => origin.#sockets.delete(socket));
    });
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  /** Breaks all connections and stops listening. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
