/** What stands between a client and a server and spoils what the server says, after so many bytes of each connection. */
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";

/** What happens behind the bytes that pass. */
export type LinkFault = "close" | "garbage" | "silence";

/** A link to one server. */
export class FaultyLink {
  /** So many bytes of each answer pass. */
  limit = Infinity;
  fault: LinkFault = "close";
  /** How many connections were spoilt. */
  spoilt = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: NetConnectOpts) {
    this.#server = createServer((client) => this.#join(client, connect(target)));
  }

  /** @param at a port of 127.0.0.1 (0 = any), or the path of a socket */
  static async open(target: NetConnectOpts, at: number | string): Promise<FaultyLink> {
    const link = new FaultyLink(target);
    const { promise, resolve } = Promise.withResolvers<void>();
    link.#server.listen(typeof at === "number" ? { port: at, host: "127.0.0.1" } : { path: at }, resolve);
    await promise;
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Ends every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.drop();
    await promise;
  }

  #join(client: Socket, server: Socket): void {
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay();
      one.on("error", () => undefined);
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    client.on("data", (chunk) => void server.write(chunk));
    const { limit, fault } = this;
    let passed = 0;
    server.on("data", (chunk: Buffer) => {
      const good = chunk.subarray(0, Math.max(0, limit - passed));
      const rest = chunk.length - good.length;
      if (passed <= limit && passed + chunk.length > limit) this.spoilt++;
      passed += chunk.length;
      client.write(good);
      if (rest === 0) return;
      if (fault === "garbage") client.write(Buffer.alloc(rest));
      else if (fault === "close") client.end();
    });
  }
}
