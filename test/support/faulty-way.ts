/**
 * A way between somebody and a service, over TCP or a Unix socket, that goes wrong when a test wants it: what the
 * service answers is cut off, stalls, becomes garbage or never ends after N bytes of each connection.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { AddressInfo, ListenOptions } from "node:net";

/** Where something listens. */
export type Place = { readonly port: number } | { readonly path: string };

/** What becomes of an answer; `after` counts the bytes that pass as they are. */
export interface Fault {
  /** `closes`: ends as if all had been said; `breaks`: a reset; `floods`: nonsense without an end. */
  readonly kind: "closes" | "breaks" | "stalls" | "garbage" | "floods";
  readonly after: number;
}

/** A flood ends here if nobody ends it before. */
export const floodBytes = 64 * 1024 * 1024;
const nonsense = Buffer.from('\0\xff{"[}\r\n\r\n', "latin1");

/** The way, and what happens on it. */
export class FaultyWay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #fault: Fault | null = null;
  /** Connections since the last change of `fault`. */
  connections = 0;
  /** The most bytes that were taken of a flood. */
  flooded = 0;

  private constructor(target: () => Place) {
    this.#server = createServer((client) => this.#serve(client, target()));
  }

  /**
   * @param target asked for each connection
   * @param at default: a free port of the loopback interface
   */
  static async to(target: () => Place, at: ListenOptions = { port: 0, host: "127.0.0.1" }): Promise<FaultyWay> {
    const way = new FaultyWay(target);
    way.#server.listen(at);
    await once(way.#server, "listening");
    return way;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on answers go wrong in this way; null = they do not. Connections that there are break off. */
  set fault(fault: Fault | null) {
    this.#fault = fault;
    this.connections = 0;
    this.flooded = 0;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Harmless if called again. */
  close(): void {
    this.fault = null;
    if (this.#server.listening) this.#server.close();
  }

  #serve(client: Socket, target: Place): void {
    this.connections++;
    const service = "path" in target ? connect(target.path) : connect(target.port, "127.0.0.1");
    const fault = this.#fault;
    let passed = 0;
    for (const [socket, other] of [
      [client, service],
      [service, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => service.write(chunk));
    client.on("end", () => service.end());
    service.on("end", () => client.end());
    service.on("data", (chunk: Buffer) => {
      if (fault === null) client.write(chunk);
      else if (passed <= fault.after) {
        client.write(chunk.subarray(0, fault.after - passed));
        passed += chunk.length;
        if (passed >= fault.after) this.#goWrong(client, service, fault.kind);
      }
    });
    // Some go wrong before anything was said.
    if (fault?.after === 0 && fault.kind !== "stalls") this.#goWrong(client, service, fault.kind);
  }

  #goWrong(client: Socket, service: Socket, kind: Fault["kind"]): void {
    service.removeAllListeners("data").pause();
    service.removeAllListeners("end");
    if (kind === "closes") client.end();
    else if (kind === "breaks") client.resetAndDestroy();
    else if (kind === "garbage") client.end(nonsense);
    else if (kind === "floods") this.#flood(client, 0);
  }

  #flood(client: Socket, sent: number): void {
    this.flooded = Math.max(this.flooded, sent);
    if (client.destroyed) return;
    if (sent >= floodBytes) client.end();
    else client.write(Buffer.alloc(65_536, "[7,"), () => this.#flood(client, sent + 65_536));
  }
}
