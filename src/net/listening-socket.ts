/**
 * A socket that accepts connections and gives them to a taker, which may change while it listens. Connections that come
 * while there is no taker wait.
 *
 * On systems that can spread the connections of a port, every TCP socket shares its port (SO_REUSEPORT): so a proxy can
 * open `:80` beside its own `127.0.0.1:80` and give up one for the other. `assertAddressFree` checks before that no
 * other process listens on the port.
 */
import { createServer, type ListenOptions, type Server } from "node:net";
import { BareSocket } from "./bare-socket.ts";
import type { KernelSocket } from "./kernel-socket.ts";
import { descriptorOf } from "./inherited-sockets.ts";
import { onAccepted } from "./node-internals.ts";
import { formatListenAddress, type ListenAddress, type UdpListenAddress } from "./listen-address.ts";
import { PlainSocket } from "./plain-socket.ts";
import { canSharePorts } from "./shared-ports.ts";
import { bindSocketPath, type BoundSocketPath } from "./socket-path.ts";

/** How many connections wait at most: in the kernel, and here while there is no taker. */
const backlog = 4_096;

/** Serves the connections of a listening socket. */
export interface ConnectionTaker {
  /** @returns false if there is no room for it: it is destroyed */
  onConnection(socket: KernelSocket): boolean;
  /** Counts connections that their clients had reset before they were accepted; they are gone. */
  onReset(count: number): void;
  /** Called if something is wrong with the socket itself. @param problem a sentence about it */
  onSocketError(problem: string, error: Error): void;
}

/** What gives the connections of one address to a taker. */
export interface AcceptingSocket {
  readonly address: ListenAddress;
  readonly key: string;
  readonly host: string;
  readonly port: number;
  listen(port: number | null): Promise<void>;
  giveTo(taker: ConnectionTaker): void;
  setMode(mode: number): void;
  close(): void;
}

/**
 * Accepts connections at one address and gives them to its taker, in the order in which they come. Reads nothing of
 * any connection.
 */
export class ListeningSocket implements AcceptingSocket {
  readonly address: Exclude<ListenAddress, UdpListenAddress>;
  readonly #server: Server;
  /** Connections that came while there was no taker. */
  readonly #early: KernelSocket[] = [];
  #earlyResets = 0;
  #taker: ConnectionTaker | null = null;
  #path: BoundSocketPath | null = null;
  /** Clients of a Unix socket have no address. */
  #hasPeerAddresses = true;

  constructor(address: Exclude<ListenAddress, UdpListenAddress>) {
    this.address = address;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#onConnection(new PlainSocket(socket)),
    );
  }

  /** As the configuration writes it. */
  get key(): string {
    return formatListenAddress(this.address);
  }

  /** The port that is listened on; 0 if there is none. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** The address that is listened on, or the path of the Unix socket. */
  get host(): string {
    if (this.#path !== null) return this.#path.path;
    const address = this.#server.address();
    return address === null ? "" : typeof address === "string" ? address : address.address;
  }

  /**
   * Starts to listen.
   * @param port takes the place of port 0 if another thread has found a free one
   * @throws the system's error, whose `address` says where
   */
  async listen(port: number | null): Promise<void> {
    const { address } = this;
    try {
      if (address.kind === "unix")
        this.#path = await bindSocketPath(address, (path) => this.#listen({ path, backlog }));
      else await this.#listen(toListenOptions(address, port));
    } catch (error) {
      // Some errors of the system do not name the address: names that do not resolve, inherited sockets.
      if (error instanceof Error && typeof (error as { address?: unknown }).address !== "string")
        Object.assign(error, { address: this.key });
      throw error;
    }
    const bound = this.#server.address();
    this.#hasPeerAddresses = typeof bound === "object" && bound !== null;
    onAccepted(this.#server, (handle) => this.#onConnection(BareSocket.accepted(handle)));
    this.#server.on("error", (error) => this.#taker?.onSocketError("cannot accept connections", error));
  }

  async #listen(options: ListenOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(options, () => {
      this.#server.removeListener("error", reject);
      resolve();
    });
    await promise;
  }

  /** Gives connections to `taker` from now on, first those that wait. */
  giveTo(taker: ConnectionTaker): void {
    this.#taker = taker;
    if (this.#earlyResets > 0) taker.onReset(this.#earlyResets);
    this.#earlyResets = 0;
    for (const socket of this.#early.splice(0)) {
      if (!socket.isDestroyed) taker.onConnection(socket);
    }
  }

  /** Sets the permissions of a Unix socket. @param mode as in `UnixListenAddress` */
  setMode(mode: number): void {
    const error = this.#path?.setMode(mode) ?? null;
    if (error !== null) this.#taker?.onSocketError("cannot set the permissions of a Unix socket", error);
  }

  /** Accepts no more. */
  close(): void {
    this.#server.close();
    this.#path?.remove();
    for (const socket of this.#early.splice(0)) socket.destroy();
  }

  readonly #onConnection = (socket: KernelSocket): void => {
    // A client that sent and reset before it was accepted has no address any more, but its bytes could be read: no rule
    // that goes by addresses would hold for it.
    if (this.#hasPeerAddresses && socket.remoteAddress === undefined) {
      if (this.#taker === null) this.#earlyResets++;
      else this.#taker.onReset(1);
      socket.destroy();
    } else if (this.#taker !== null) this.#taker.onConnection(socket);
    else if (this.#early.length >= backlog) socket.destroy();
    else this.#early.push(socket);
  };
}

function toListenOptions(
  address: Exclude<ListenAddress, UdpListenAddress | { kind: "unix" }>,
  port: number | null,
): ListenOptions & { fd?: number } {
  if (address.kind === "fd") return { fd: descriptorOf(address.fd), backlog };
  const options: ListenOptions = { port: port ?? address.port, backlog, exclusive: true, reusePort: canSharePorts() };
  if (address.host !== null) options.host = address.host;
  return options;
}
