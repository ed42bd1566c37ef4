/**
 * The connections to one endpoint, whatever is spoken over them: dials, keeps idle connections (`idle-connections.ts`
 * says which attempt gets which), and puts several requests on one connection if `pipelining` is on, so that they share
 * system calls. If its name stands for several addresses, requests go to them in turn; connections to an address that
 * the name no longer stands for are closed after their last answer.
 */
import { ipVersion } from "../../base/ip-address.ts";
import type { Attempt } from "../../http/attempt.ts";
import type { AttemptClient } from "../../http/attempt-client.ts";
import type { ConnectionOwner } from "../../http1/endpoint-side/connection-owner.ts";
import { canPipeline } from "../../http1/endpoint-side/pipelining.ts";
import type { PooledConnection } from "../../http1/endpoint-side/pooled-connection.ts";
import type { EndOfTurn } from "../../base/end-of-turn.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { BoundConnection } from "../../http/bound-connections.ts";
import { ProxyError } from "../../http/reason.ts";
import type { Dialer, Dialling, WireTaker } from "../../net/dialer.ts";
import { type ProxyProtocolVersion, writeProxyHeader } from "../../net/proxy-protocol/write-header.ts";
import type { HandshakeResult } from "../../net/tls/tls-dialer.ts";
import type { TlsTrafficWatch } from "../../net/tls/traffic-watch.ts";
import type { Wire } from "../../net/wire.ts";
import { endsOf } from "../../net/wire-ends.ts";
import { AddressRotation, type PooledAddress } from "./address-rotation.ts";
import { Dial, type DialHost } from "./dial.ts";
import type { EndpointTls } from "../endpoint-tls.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { createEndpointDialer } from "./endpoint-dialer.ts";
import { IdleConnections } from "./idle-connections.ts";
import type { EndpointProtocol } from "./endpoint-protocol.ts";
import type { AddressWatcher, HostResolver } from "../names/host-resolver.ts";
import type { Transport, WireGuest } from "../transport.ts";

/** Options of the connections to an endpoint; durations in milliseconds, 0 = none. */
export interface TransportOptions {
  readonly maxIdle: number;
  readonly idleTimeout: number;
  /** How many requests may share a connection, if they can be pipelined; 1 = no pipelining. */
  readonly pipelining: number;
  /** Endpoints' answers may be malformed in ways that can be repaired. */
  readonly isLenient: boolean;
  /**
   * Which PROXY header names the client to the endpoint, on each connection; null = none does. With one, a connection
   * serves one client connection alone.
   */
  readonly proxyProtocol: ProxyProtocolVersion | null;
  readonly timeouts: ConnectionOwner["timeouts"] & {
    /** For opening a connection, resolving the name included. */
    readonly connect: number;
  };
}

/** What a proxy thread lends to its transports. */
export interface TransportContext {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  readonly resolver: Pick<HostResolver, "resolve" | "watch" | "unwatch">;
  /** Told of every connection that has been opened, with the endpoint's URL. */
  onConnected(endpointUrl: string): void;
  /** Told of every TLS handshake that has ended. Absent = nobody counts them. */
  readonly onHandshake?: (result: HandshakeResult) => void;
  /** Ends connections over TLS that bring much and no data. Absent = nobody does. */
  readonly traffic?: TlsTrafficWatch;
  /** Told of every connection that `traffic` ends. */
  readonly onFlood?: () => void;
  onInternalError(error: unknown): void;
}

/** What a pool is made of. */
export interface ConnectionPoolParts {
  readonly spec: EndpointSpec;
  readonly options: TransportOptions;
  readonly context: TransportContext;
  /** What is spoken over its connections. */
  readonly protocol: EndpointProtocol;
  /** As TLS calls it (RFC 7301 section 6). */
  readonly alpn: readonly string[];
}

/**
 * An idle connection is closed this long before the endpoint said it would close it: a request that crosses the FIN is
 * lost.
 */
const keepAliveMarginMs = 1_000;
/** `Keep-Alive: timeout=0`: the endpoint waits for less than a second. */
const shortestHintMs = 1_000;

/** The way to one endpoint by connections that serve one request after the other. */
export class ConnectionPool implements Transport, ConnectionOwner, DialHost<Attempt | WireGuest>, AddressWatcher {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  readonly timeouts: TransportOptions["timeouts"];
  readonly options: TransportOptions;
  /** Null = TLS is not spoken. */
  readonly tls: EndpointTls | null;
  readonly connectTimeoutMs: number;
  readonly #spec: EndpointSpec;
  readonly #context: TransportContext;
  readonly #protocol: EndpointProtocol;
  readonly #dialer: Dialer;
  /** The host to resolve; null = the endpoint has one address, which is known. */
  readonly #hostName: string | null;
  readonly #rotation: AddressRotation;
  /** The resolver's answer that `#rotation` was last made from. */
  #resolved: readonly string[] | null = null;
  #isWatching = false;
  readonly #open = new Map<PooledConnection, PooledAddress>();
  /** Connections that serve one client alone, if all do. */
  readonly #clients = new Map<PooledConnection, AttemptClient>();
  readonly #isPerClient: boolean;
  #idleCount = 0;
  readonly #idle: IdleConnections;
  /** Connections that may be shared, if pipelining is on. */
  readonly #shared: PooledConnection[] = [];
  readonly #dials = new Set<Dial<Attempt | WireGuest>>();
  /** Wires that guests have. */
  #guestWires = 0;
  #isDraining = false;
  /** Content came after an answer that has none: connections are no longer kept after such answers. */
  #isCareless = false;

  constructor({ spec, options, context, protocol, alpn }: ConnectionPoolParts) {
    this.#spec = spec;
    this.tls = spec.tls ?? null;
    this.options = options;
    this.#protocol = protocol;
    this.#dialer = createEndpointDialer(spec, {
      alpn,
      clock: context.wheel.clock,
      onHandshake: context.onHandshake ?? (() => {}),
      traffic: context.traffic ?? null,
      onFlood: context.onFlood ?? (() => {}),
      onInternalError: (error) => this.onInternalError(error),
    });
    this.timeouts = options.timeouts;
    this.connectTimeoutMs = options.timeouts.connect;
    this.#context = context;
    this.wheel = context.wheel;
    this.endOfTurn = context.endOfTurn;
    const { host, port, socketPath } = spec;
    this.#hostName = host !== null && ipVersion(host) === 0 ? host : null;
    if (socketPath !== null) this.#rotation = AddressRotation.of(socketPath, { path: socketPath });
    else
      this.#rotation =
        this.#hostName === null ? AddressRotation.of(host!, { host: host!, port }) : new AddressRotation();
    this.#isPerClient = options.proxyProtocol !== null;
    this.#idle = new IdleConnections({
      isPerClient: this.#isPerClient,
      endOfTurn: context.endOfTurn,
      clock: context.wheel.clock,
      onReady: (attempt, address, connection) => this.#onReady(attempt, address, connection),
    });
  }

  /** Those that are not up yet are counted, too. */
  get connectionCount(): number {
    let count = this.#open.size + this.#guestWires;
    for (const dial of this.#dials) count += dial.tryCount;
    return count;
  }

  get idleCount(): number {
    return this.#idleCount + this.#idle.boundCount;
  }

  send(attempt: Attempt): void {
    const address = this.#rotation.next(this.wheel.clock);
    if (attempt.wish !== "new" || attempt.bound !== null) {
      if (this.options.pipelining > 1 && attempt.bound === null && canPipeline(attempt)) {
        const shared = this.#shared;
        for (let i = 0; i < shared.length; i++) {
          const connection = shared[i]!;
          if (connection.inFlight < this.options.pipelining && connection.isPipeliner) return connection.start(attempt);
        }
      }
      const connection = this.#idle.take(attempt, address);
      if (connection !== null) return this.#start(attempt, connection);
      if (this.#idle.wait(attempt, address)) return;
    }
    this.#dial(attempt, address);
  }

  openWire(guest: WireGuest): void {
    this.#dial(guest, this.#rotation.next(this.wheel.clock));
  }

  noteWireClosed(): void {
    this.#guestWires--;
  }

  isHolding(connection: BoundConnection): boolean {
    return this.#idle.isHolding(connection);
  }

  drain(): void {
    this.#isDraining = true;
    this.#unwatch();
    for (const connection of [...this.#open.keys()]) connection.drain();
  }

  close(): void {
    this.#isDraining = true;
    this.#unwatch();
    for (const dial of [...this.#dials])
      dial.fail(new ProxyError("UPSTREAM_CONNECT_FAILED", { replay: "safe", detail: "closed" }));
    for (const connection of [...this.#open.keys()]) connection.close();
  }

  #dial(guest: Attempt | WireGuest, first: PooledAddress | null): void {
    const dial = new Dial(this, guest);
    if ("onWire" in guest) guest.opening = dial;
    else guest.handle = dial;
    this.#dials.add(dial);
    if (this.#hostName === null) return dial.begin([first!]);
    this.#watch(this.#hostName);
    const resolving = this.#context.resolver.resolve(this.#hostName, (error, addresses) => {
      if (dial.isOver) return;
      if (error !== null) return dial.fail(error);
      this.onAddresses(addresses);
      const { clock } = this.wheel;
      const start = first === null || first.isGone ? this.#rotation.next(clock)! : first;
      dial.begin(this.#rotation.orderFrom(start, clock.now()));
    });
    if (!dial.isOver) dial.resolving = resolving;
  }

  #watch(host: string): void {
    // An exchange that began before a reload may still come here; then nobody would end the watch.
    if (this.#isWatching || this.#isDraining) return;
    this.#isWatching = true;
    this.#context.resolver.watch(host, this);
  }

  #unwatch(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#context.resolver.unwatch(this.#hostName!, this);
  }

  // `AddressWatcher`.

  get isInUse(): boolean {
    return this.connectionCount > 0;
  }

  onAddresses(addresses: readonly string[]): void {
    if (addresses === this.#resolved) return;
    this.#resolved = addresses;
    if (this.#rotation.update(addresses, this.#spec.port).length === 0) return;
    for (const [connection, address] of [...this.#open]) if (address.isGone) connection.drain();
  }

  // `DialHost`.

  prefaceFor(guest: Attempt | WireGuest): Buffer | null {
    const { proxyProtocol } = this.options;
    if (proxyProtocol === null) return null;
    return writeProxyHeader(proxyProtocol, "onWire" in guest ? endsOf(guest.client) : (guest.client?.ends ?? null));
  }

  open(address: PooledAddress, taker: WireTaker): Dialling {
    return this.#dialer.dial(address.target, taker);
  }

  serve(guest: Attempt | WireGuest, wire: Wire, address: PooledAddress): void {
    if ("onWire" in guest) {
      this.#guestWires++;
      guest.onWire(wire);
      return;
    }
    const connection = this.#protocol(wire, this);
    this.#open.set(connection, address);
    if (this.#isPerClient) this.#keepForClient(connection, guest);
    connection.start(guest);
    // The name stopped standing for the address, or the pool is being emptied, while it was dialled.
    if (address.isGone || this.#isDraining) connection.drain();
  }

  /** The endpoint has been told whom the connection is for. */
  #keepForClient(connection: PooledConnection, { client }: Attempt): void {
    connection.reuse.keepFor(client);
    if (client?.addCompanion === undefined) return;
    client.addCompanion(connection);
    this.#clients.set(connection, client);
  }

  onAddressUp(address: PooledAddress): void {
    this.#rotation.noteSuccess(address);
    this.#context.onConnected(this.#spec.url);
  }

  onAddressDown(address: PooledAddress): void {
    this.#rotation.noteFailure(address, this.wheel.clock.now());
  }

  onDialEnd(dial: Dial): void {
    this.#dials.delete(dial);
  }

  // `ConnectionOwner`.

  onIdle(connection: PooledConnection, keepAliveHintMs: number, last: Attempt): void {
    this.#unshare(connection);
    const address = this.#open.get(connection);
    if (address === undefined || address.isGone || this.#isDraining) {
      connection.drain();
      return;
    }
    const { reuse } = connection;
    if (reuse.isBound) {
      this.#keepBound(connection, keepAliveHintMs, last);
      return;
    }
    if (this.#isPerClient && !this.#clients.has(connection)) {
      connection.drain();
      return;
    }
    if (this.options.maxIdle === 0 || keepAliveHintMs === -1 || (reuse.isSuspect && this.#isCareless)) {
      connection.drain();
      return;
    }
    connection.park(this.#idleMs(keepAliveHintMs));
    address.idle.push(connection);
    this.#idleCount++;
    this.#idle.noteParked(connection);
    if (this.#idleCount > this.options.maxIdle) this.#dropOldestIdle(address);
  }

  onUnaskedContent(): void {
    this.#isCareless = true;
  }

  onClosed(connection: PooledConnection): void {
    const address = this.#open.get(connection);
    this.#open.delete(connection);
    if (this.#isPerClient) {
      this.#clients.get(connection)?.removeCompanion?.(connection);
      this.#clients.delete(connection);
    }
    this.#unshare(connection);
    const index = address?.idle.lastIndexOf(connection) ?? -1;
    if (index !== -1) {
      address!.idle.splice(index, 1);
      this.#idleCount--;
    }
    this.#idle.noteClosed(connection);
  }

  /**
   * The connection is kept for the client whose login it carries, whatever the size of the pool: else nobody could log
   * in.
   */
  #keepBound(connection: PooledConnection, keepAliveHintMs: number, last: Attempt): void {
    const isKept = connection.reuse.isBoundTo(last.client) && last.keepConnection(connection);
    if (!isKept) {
      connection.drain();
      return;
    }
    connection.park(this.#idleMs(keepAliveHintMs === -1 ? shortestHintMs : keepAliveHintMs));
    this.#idle.parkBound(connection);
  }

  /** How long a connection is kept idle. */
  #idleMs(keepAliveHintMs: number): number {
    const { idleTimeout } = this.options;
    return keepAliveHintMs > 0
      ? Math.min(idleTimeout, Math.max(keepAliveHintMs - keepAliveMarginMs, keepAliveHintMs / 2))
      : idleTimeout;
  }

  #onReady(attempt: Attempt, address: PooledAddress | null, connection: PooledConnection | null): void {
    try {
      if (connection === null) this.#dial(attempt, address);
      else this.#start(attempt, connection);
    } catch (error) {
      this.onInternalError(error);
      attempt.onFailure(new ProxyError("INTERNAL_ERROR"));
    }
  }

  /** `connection` was taken out of those that are idle. */
  #start(attempt: Attempt, connection: PooledConnection): void {
    if (attempt.bound === null) this.#idleCount--;
    if (this.options.pipelining > 1 && attempt.bound === null && canPipeline(attempt)) this.#shared.push(connection);
    connection.start(attempt);
  }

  onInternalError(error: unknown): void {
    this.#context.onInternalError(error);
  }

  /** Closes the oldest idle connection of the address that has the most; among equals, of `last`. */
  #dropOldestIdle(last: PooledAddress): void {
    let richest = last;
    for (const address of this.#rotation.addresses) if (address.idle.length > richest.idle.length) richest = address;
    richest.idle[0]!.drain();
  }

  #unshare(connection: PooledConnection): void {
    if (this.options.pipelining === 1) return;
    const index = this.#shared.indexOf(connection);
    if (index !== -1) this.#shared.splice(index, 1);
  }
}
