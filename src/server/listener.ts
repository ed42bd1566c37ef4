/**
 * A listening socket in a proxy thread and the client connections that came in by it. Its options may be replaced while it serves: connections that are open
 * take the new limits with their next request.
 */
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { TurnQueue } from "../base/turn-queue.ts";
import type { Exchange } from "../http/exchange.ts";
import { ForwardingPrefix } from "../http/forwarding-fields.ts";
import { ServerConnection } from "../http1/server-connection.ts";
import type { ServerContext } from "../http1/server-context.ts";
import { onAccepted } from "../net/accepted-socket.ts";
import { AddressSet } from "../net/address-set.ts";
import { isTcp } from "../net/is-tcp.ts";
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import type { ListenerOptions } from "../net/options.ts";
import { listenOnSocketPath } from "../net/socket-path.ts";
import type { ListenerMetrics } from "../observe/exchange-metrics.ts";
import type { ConnectionCount } from "./connection-count.ts";

const backlog = 4_096;

/** The error of a socket that nobody uses says nothing: its close follows. */
const ignore = (): void => {};

function discard(socket: Socket): void {
  socket.on("error", ignore);
  socket.destroy();
}

/** What a proxy thread gives its listeners. */
export interface ListenerHost {
  readonly wheel: TimerWheel;
  readonly turns: TurnQueue;
  /** This instance's name in Via. */
  readonly pseudonym: string;
  answer(exchange: Exchange, listener: Listener): void;
  onExchangeEnd(exchange: Exchange): void;
  onInternalError(error: unknown): void;
  onListenerError(listener: Listener, error: Error): void;
  metricsOf(listenerName: string): ListenerMetrics;
  connectionCountOf(listenerName: string): ConnectionCount;
}

/** A listener in a proxy thread. */
export class Listener implements ServerContext {
  readonly wheel: TimerWheel;
  readonly turns: TurnQueue;
  readonly scheme = "http";
  isDraining = false;
  options: ListenerOptions;
  readonly #host: ListenerHost;
  readonly #server: Server;
  readonly #connections = new Set<ServerConnection>();
  #trusted: AddressSet;
  #metrics: ListenerMetrics;
  #count: ConnectionCount;
  #prefix: ForwardingPrefix | null = null;
  /** Resolves when the last connection is gone; null until somebody waits for that. */
  #emptied: PromiseWithResolvers<void> | null = null;
  #exchangeCount = 0;
  /** It is a TCP socket: on a Unix socket nobody has an address. */
  #hasPeerAddresses = true;
  /** Who came between `listen` and `open`; null from then on. */
  #early: Socket[] | null = [];

  constructor(options: ListenerOptions, host: ListenerHost) {
    this.options = options;
    this.#host = host;
    this.wheel = host.wheel;
    this.turns = host.turns;
    this.#trusted = new AddressSet(options.trustedProxies);
    this.#metrics = host.metricsOf(options.name);
    this.#count = host.connectionCountOf(options.name);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, this.#onConnection);
  }

  get listenerName(): string {
    return this.options.name;
  }

  get limits(): ListenerOptions["limits"] {
    return this.options.limits;
  }

  get timeouts(): ListenerOptions["timeouts"] {
    return this.options.timeouts;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get exchangeCount(): number {
    return this.#exchangeCount;
  }

  /** The port that is listened on; 0 where there is none. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** The address that is listened on, or the path of the Unix socket. */
  get host(): string {
    const address = this.#server.address();
    return address === null ? "" : typeof address === "string" ? address : address.address;
  }

  /**
   * Opens the socket. Whoever comes before `open` waits.
   * @param port takes the place of port 0 where another thread has found a free one
   * @param isShared several threads listen on the address, and the kernel spreads connections among them
   * @throws the system's error, whose `address` says where
   */
  async listen(address: ListenAddress, port: number | null, isShared: boolean): Promise<void> {
    const listen = (): Promise<void> => this.#listenOnce(toListenOptions(address, port, isShared));
    try {
      await (address.kind === "unix" ? listenOnSocketPath(address.path, listen) : listen());
    } catch (error) {
      // Not every error of the system says where: names that do not resolve, inherited sockets.
      if (error instanceof Error && typeof (error as { address?: unknown }).address !== "string") Object.assign(error, { address: formatListenAddress(address) });
      throw error;
    }
    this.#hasPeerAddresses = isTcp(this.#server);
    onAccepted(this.#server, this.#onConnection);
    // Out of descriptors, for one: the kernel keeps the connection waiting, and we go on.
    this.#server.on("error", (error) => this.#host.onListenerError(this, error));
  }

  async #listenOnce(options: ListenOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(options, () => {
      this.#server.removeListener("error", reject);
      resolve();
    });
    await promise;
  }

  /** Begins to serve, first those who have come already. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const socket of early) {
      socket.removeListener("error", ignore);
      if (!socket.destroyed) this.#admit(socket);
    }
  }

  /** Takes new options for the same address. */
  update(options: ListenerOptions): void {
    if (options.name !== this.options.name) this.#rename(options.name);
    this.options = options;
    this.#trusted = new AddressSet(options.trustedProxies);
    this.#prefix = null;
  }

  /** What is open is counted under the new name from now on. */
  #rename(name: string): void {
    this.#metrics.connections.add(-this.#connections.size);
    this.#metrics.inFlight.add(-this.#exchangeCount);
    this.#metrics = this.#host.metricsOf(name);
    this.#metrics.connections.add(this.#connections.size);
    this.#metrics.inFlight.add(this.#exchangeCount);
    const before = this.#count;
    this.#count = this.#host.connectionCountOf(name);
    for (let moved = 0; moved < this.#connections.size; moved++) {
      before.leave();
      this.#count.enter(0);
    }
  }

  /** Accepts no more; resolves when the last connection is gone. */
  async drain(): Promise<void> {
    this.#stop();
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size === 0) return;
    this.#emptied ??= Promise.withResolvers();
    await this.#emptied.promise;
  }

  /** Ends everything at once. */
  close(): void {
    this.#stop();
    for (const connection of [...this.#connections]) connection.close();
  }

  #stop(): void {
    this.isDraining = true;
    this.#server.close();
    for (const socket of this.#early?.splice(0) ?? []) socket.destroy();
  }

  /** What the forwarding fields of this peer's requests have in common; made anew only when another peer speaks. */
  prefixOf(exchange: Exchange): ForwardingPrefix {
    const last = this.#prefix;
    const peerAddress = exchange.peerAddress === "" ? "unknown" : exchange.peerAddress;
    if (last !== null && last.origin.peerAddress === peerAddress && last.origin.isPeerTrusted === exchange.isPeerTrusted) return last;
    this.#prefix = new ForwardingPrefix({
      peerAddress,
      scheme: this.scheme,
      isPeerTrusted: exchange.isPeerTrusted,
      pseudonym: this.#host.pseudonym,
    });
    return this.#prefix;
  }

  readonly #onConnection = (socket: Socket): void => {
    // A client that sent and reset before it was accepted has no address any more, but its bytes could be read: nothing that goes by addresses would hold for it.
    if (this.#hasPeerAddresses && socket.remoteAddress === undefined) {
      this.#metrics.reset.add(1);
      discard(socket);
    } else if (this.#early === null) this.#admit(socket);
    else if (this.#early.length >= backlog) socket.destroy();
    else {
      socket.on("error", ignore);
      this.#early.push(socket);
    }
  };

  #admit(socket: Socket): void {
    if (!this.#count.enter(this.options.limits.connections)) {
      this.#metrics.refused.add(1);
      discard(socket);
      return;
    }
    this.#metrics.accepted.add(1);
    this.#metrics.connections.add(1);
    this.#connections.add(new ServerConnection(socket, this));
  }

  // `ServerContext`.

  isTrusted(address: string): boolean {
    return this.#trusted.has(address);
  }

  onExchange(exchange: Exchange): void {
    this.#host.answer(exchange, this);
  }

  onExchangeStart(): void {
    this.#exchangeCount++;
    this.#metrics.inFlight.add(1);
  }

  onExchangeEnd(exchange: Exchange): void {
    this.#exchangeCount--;
    this.#metrics.inFlight.add(-1);
    this.#host.onExchangeEnd(exchange);
  }

  onClosed(connection: ServerConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#metrics.connections.add(-1);
    this.#count.leave();
    if (this.#connections.size === 0) this.#emptied?.resolve();
  }

  onInternalError(error: unknown): void {
    this.#host.onInternalError(error);
  }
}

function toListenOptions(address: ListenAddress, port: number | null, isShared: boolean): ListenOptions & { fd?: number } {
  switch (address.kind) {
    case "unix": return { path: address.path, backlog };
    case "fd": return { fd: address.fd, backlog };
    case "tcp": {
      const options: ListenOptions = { port: port ?? address.port, backlog, exclusive: true, reusePort: isShared };
      if (address.host !== null) options.host = address.host;
      return options;
    }
  }
}
