/**
 * An endpoint that switches every connection to a tunnel and says everything back, and clients of it that are as cheap
 * as sockets get.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Signal } from "./signal.ts";

const handshake =
  "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const switched =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/** A running endpoint. */
export class TunnelEndpoint {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {});
      let head = "";
      const takeHead = (chunk: Buffer): void => {
        head += chunk.toString("latin1");
        if (!head.endsWith("\r\n\r\n")) return;
        socket.off("data", takeHead);
        socket.on("data", (data) => socket.write(data));
        socket.write(switched);
      };
      socket.on("data", takeHead);
    });
  }

  static async start(): Promise<TunnelEndpoint> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1", 2_000);
    await once(server, "listening");
    return new TunnelEndpoint(server);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Many tunnels through a proxy. */
export class Tunnels {
  readonly #sockets: Socket[] = [];
  readonly #received: string[] = [];
  readonly #signal = new Signal();
  closedCount = 0;

  /** Opens `count` tunnels by way of `port`, a hundred at a time. */
  static async open(port: number, count: number): Promise<Tunnels> {
    const tunnels = new Tunnels();
    while (tunnels.#sockets.length < count) {
      const batch = Array.from({ length: Math.min(100, count - tunnels.#sockets.length) }, () => tunnels.#add(port));
      await tunnels.#signal.until(
        () => batch.every((index) => tunnels.#received[index]!.endsWith("\r\n\r\n")),
        "a batch of tunnels was open",
      );
      for (const index of batch) {
        if (!tunnels.#received[index]!.startsWith("HTTP/1.1 101 "))
          throw new Error(`no tunnel but ${tunnels.#received[index]}`);
        tunnels.#received[index] = "";
      }
    }
    return tunnels;
  }

  #add(port: number): number {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const index = this.#sockets.push(socket) - 1;
    this.#received.push("");
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received[index] += text;
      this.#signal.notify();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closedCount++;
      this.#signal.notify();
    });
    socket.write(handshake);
    return index;
  }

  /** Sends something through every tunnel and waits until each has said it back. @throws when one has not */
  async echo(word: string): Promise<void> {
    for (const [index, socket] of this.#sockets.entries()) socket.write(`${word} ${index};`);
    await this.#signal.until(
      () => this.closedCount > 0 || this.#received.every((text, index) => text.endsWith(`${word} ${index};`)),
      `every tunnel echoed ${word}`,
    );
    if (this.closedCount > 0) throw new Error(`${this.closedCount} tunnels were dropped`);
  }

  untilClosed(): Promise<void> {
    return this.#signal.until(() => this.closedCount === this.#sockets.length, "every tunnel was closed");
  }

  /** Breaks them off. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
