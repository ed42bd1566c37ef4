/**
 * A listening socket in a proxy thread and the client connections that came in by it. Its options may be replaced while it serves: connections that are open
 * take the new limits with their next request.
 */
import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Exchange } from "../http/exchange.ts";
import { ForwardingPrefix } from "../http/forwarding-fields.ts";
import { ServerConnection } from "../http1/server-connection.ts";
import type { ServerContext } from "../http1/server-context.ts";
import { AddressSet } from "../net/address-set.ts";
import type { ListenAddress } from "../net/listen-address.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { ListenerMetrics } from "../observe/exchange-metrics.ts";
import type { ConnectionCount } from "./connection-count.ts";

const backlog = 4_096;

/** What a proxy thread gives its listeners. */
export interface ListenerHost {
  readonly wheel: TimerWheel;
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
  #onEmpty: (() => void) | null = null;
  #exchangeCount = 0;

  constructor(options: ListenerOptions, host: ListenerHost) {
    this.options = options;
    this.#host = host;
    this.wheel = host.wheel;
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
   * Starts to accept connections.
   * @param port takes the place of port 0 where another thread has found a free one
   * @param isShared several threads listen on the address, and the kernel spreads connections among them
   */
  async listen(address: ListenAddress, port: number | null, isShared: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(toListenOptions(address, port, isShared), () => {
      this.#server.removeListener("error", reject);
      // Out of descriptors, for one: the kernel keeps the connection waiting, and we go on.
      this.#server.on("error", (error) => this.#host.onListenerError(this, error));
      resolve();
    });
    await promise;
  }

  /** Takes new options for the same address. */
  update(options: ListenerOptions): void {
    this.options = options;
    this.#trusted = new AddressSet(options.trustedProxies);
    this.#prefix = null;
    this.#metrics = this.#host.metricsOf(options.name);
  }

  /** Accepts no more; resolves when the last connection is gone. */
  async drain(): Promise<void> {
    this.isDraining = true;
    this.#server.close();
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    await promise;
  }

  /** Ends everything at once. */
  close(): void {
    this.isDraining = true;
    this.#server.close();
    for (const connection of [...this.#connections]) connection.close();
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
    const maxConnections = this.options.limits.connections;
    if (maxConnections > 0 && this.#count.total >= maxConnections) {
      this.#metrics.refused.add(1);
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    this.#metrics.accepted.add(1);
    this.#metrics.connections.add(1);
    this.#count.add(1);
    this.#connections.add(new ServerConnection(socket, this));
  };

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
    this.#count.add(-1);
    if (this.#connections.size === 0) this.#onEmpty?.();
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
