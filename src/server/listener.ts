/**
 * A listener in a proxy thread: the client connections that came in by its sockets. Its options may be replaced while
 * it serves: connections that are open take the new limits with their next request.
 */
import type { KernelSocket } from "../net/kernel-socket.ts";
import { Roster } from "../base/roster.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { TurnQueue } from "../base/turn-queue.ts";
import type { ConnectionTls } from "../http/connection-tls.ts";
import type { Exchange } from "../http/exchange.ts";
import { ForwardingPrefix } from "../http/forwarding-fields.ts";
import { TransportSecurityFilter } from "../http/transport-security.ts";
import type { ClientContext } from "../http1/client-side/client-context.ts";
import { datagramClientCeiling, isBeyondClientCeiling } from "../net/descriptor-limit.ts";
import { formatListenAddress } from "../net/listen-address.ts";
import type { AcceptingSocket, ConnectionTaker } from "../net/listening-socket.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { ProxyHeaderFailure } from "../net/proxy-protocol/proxy-step.ts";
import { acceptedWire, type SocketWire, type WireHost } from "../net/socket-wire.ts";
import type { ServerContexts } from "../net/tls/server-contexts.ts";
import type { TlsTrafficWatch } from "../net/tls/traffic-watch.ts";
import type { HandshakeGate } from "../net/tls/handshake-gate.ts";
import type { FailedHandshake } from "../net/tls/tls-step.ts";
import { TrustedPeers } from "../net/trusted-peers.ts";
import type { Wire, WireTls } from "../net/wire.ts";
import type { ListenerMetrics } from "../observe/exchange-metrics.ts";
import { noLabelValue } from "../observe/families.ts";
import type { ObservedSession } from "../observe/observed-session.ts";
import type { TcpForwardContext, TcpListenerContext, TcpRoutes } from "../tcp/tcp-context.ts";
import type { ConnectionCount } from "./connection-count.ts";
import { Reception } from "./reception.ts";
import { serviceOf, type WireService } from "./wire-service.ts";

/** Is told what happens at the listeners of a proxy thread. */
export interface ListenerObserver {
  onExchangeEnd(exchange: Exchange): void;
  onSessionEnd(session: ObservedSession): void;
  onInternalError(error: unknown): void;
  /** @param problem a sentence about it */
  onListenerError(listener: Listener, problem: string, error: Error): void;
  /** A connection was turned away because descriptors are short; and the first one that is served again. */
  onShortage(listener: Listener): void;
  onShortageOver(listener: Listener): void;
  /** A connection of a load balancer was closed for want of a usable PROXY header. @param peer its address */
  onProxyHeaderRefused(listener: Listener, peer: string, failure: ProxyHeaderFailure): void;
  /** A TLS handshake with a client failed. @param peer its address; empty = it has none */
  onHandshakeFailed(listener: Listener, peer: string, failed: FailedHandshake): void;
  /** A connection is ended because much comes over TLS that carries no data. @param peer its address; empty = it has none */
  onTlsFlood(listener: Listener, peer: string): void;
  metricsOf(listenerName: string): ListenerMetrics;
}

/** What a proxy thread gives its listeners. */
export interface ListenerHost {
  readonly wheel: TimerWheel;
  readonly turns: TurnQueue;
  readonly handshakes: HandshakeGate;
  readonly tlsTraffic: TlsTrafficWatch;
  /** This instance's name in Via. */
  readonly pseudonym: string;
  readonly observer: ListenerObserver;
  /** Those of the running configuration. */
  readonly tcpRoutes: TcpRoutes;
  readonly tcpForwarding: TcpForwardContext;
  answer(exchange: Exchange, listener: Listener): void;
  connectionCountOf(listenerName: string): ConnectionCount;
  /** Which certificate and rules its clients get: the same object as long as a listener of that name has TLS. */
  contextsOf(listenerName: string): ServerContexts;
}

/** One listener of the configuration in one thread: admits connections within its limits and serves them. */
export class Listener implements ClientContext, TcpListenerContext, ConnectionTaker, WireHost {
  readonly wheel: TimerWheel;
  readonly turns: TurnQueue;
  readonly handshakes: HandshakeGate;
  readonly tlsTraffic: TlsTrafficWatch;
  isDraining = false;
  options: ListenerOptions;
  /** Which certificate and rules its clients get; when it is gone, those of open connections still. */
  contexts: ServerContexts;
  readonly #host: ListenerHost;
  readonly #observer: ListenerObserver;
  #sockets: AcceptingSocket[] = [];
  readonly #serviceOf: typeof serviceOf;
  #service: WireService;
  /** Every open wire. Its session is that of the protocol, or the reception while the steps run. */
  readonly #wires = new Roster<SocketWire>();
  #trusted: TrustedPeers;
  #metrics: ListenerMetrics;
  #count: ConnectionCount;
  #prefix: ForwardingPrefix | null = null;
  /** Added to the answers of TLS connections; null = nothing. */
  transportSecurity: TransportSecurityFilter | null;
  /** Resolves when the last connection is gone; null until somebody waits for that. */
  #emptied: PromiseWithResolvers<void> | null = null;
  #exchangeCount = 0;
  /** How long an idle connection waits for a request once the listener drains. */
  #drainIdleMs = 0;
  /** The last connection, here or in another thread, was turned away for want of descriptors. */
  #isShort = false;

  /** @param makeService makes its service, and makes it anew with every `update` */
  constructor(options: ListenerOptions, host: ListenerHost, makeService = serviceOf) {
    this.options = options;
    this.#host = host;
    this.#observer = host.observer;
    this.wheel = host.wheel;
    this.turns = host.turns;
    this.handshakes = host.handshakes;
    this.tlsTraffic = host.tlsTraffic;
    this.contexts = host.contextsOf(options.name);
    this.#serviceOf = makeService;
    this.#service = makeService(options, this);
    this.#trusted = new TrustedPeers(options.trustedProxies);
    this.transportSecurity = transportSecurityOf(options);
    this.#metrics = host.observer.metricsOf(options.name);
    this.#count = host.connectionCountOf(options.name);
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

  /**
   * Other rules about client certificates hold at `host` than at the host that this connection was made for; or held
   * when it was made. @param host lower case, without port; empty = none
   */
  isMisdirected({ policyId }: ConnectionTls, host: string): boolean {
    const policy = this.contexts.policyOf(host);
    // A listener that speaks TLS no more has no rules.
    return policy !== "" && policy !== policyId;
  }

  get connectionCount(): number {
    return this.#wires.size;
  }

  get exchangeCount(): number {
    return this.#exchangeCount;
  }

  /** The sockets whose connections it serves: that of its address, and those of former addresses which that covers. */
  get sockets(): readonly AcceptingSocket[] {
    return this.#sockets;
  }

  /** Serves the connections of `socket` from now on, first those that wait there. */
  serve(socket: AcceptingSocket): void {
    this.#sockets.push(socket);
    socket.giveTo(this);
  }

  /** Gives up its sockets without closing them: another listener serves them. Connections stay. */
  releaseSockets(): void {
    this.#sockets = [];
  }

  /** Takes new options for the same address. */
  update(options: ListenerOptions): void {
    if (options.name !== this.options.name) this.#rename(options.name);
    this.options = options;
    this.contexts = this.#host.contextsOf(options.name);
    this.#service = this.#serviceOf(options, this);
    this.#trusted = new TrustedPeers(options.trustedProxies);
    this.transportSecurity = transportSecurityOf(options);
    this.#prefix = null;
    for (const socket of this.#sockets)
      if (socket.key === formatListenAddress(options.address) && options.address.kind === "unix")
        socket.setMode(options.address.mode);
  }

  /** What is open is counted under the new name from now on. */
  #rename(name: string): void {
    this.#metrics.connections.add(-this.#wires.size);
    this.#metrics.inFlight.add(-this.#exchangeCount);
    this.#metrics = this.#observer.metricsOf(name);
    this.#metrics.connections.add(this.#wires.size);
    this.#metrics.inFlight.add(this.#exchangeCount);
    const before = this.#count;
    this.#count = this.#host.connectionCountOf(name);
    for (let moved = 0; moved < this.#wires.size; moved++) {
      before.leave();
      this.#count.enter(0);
    }
  }

  /** Accepts no more; resolves when the last connection is gone. @param idleMs see `ClientConnection.drain` */
  async drain(idleMs: number): Promise<void> {
    this.#drainIdleMs = idleMs;
    this.#stop();
    for (const wire of this.#wires.members) wire.session?.drain(idleMs);
    if (this.#wires.size === 0) return;
    this.#emptied ??= Promise.withResolvers();
    await this.#emptied.promise;
  }

  /** Ends everything at once. */
  close(): void {
    this.#stop();
    for (const wire of this.#wires.members) wire.session?.close();
  }

  #stop(): void {
    this.isDraining = true;
    for (const socket of this.#sockets) socket.close();
  }

  /** What the forwarding fields of this peer's requests have in common; made anew only when another peer speaks. */
  prefixOf(exchange: Exchange): ForwardingPrefix {
    const last = this.#prefix;
    const { peerAddress } = exchange;
    const client = exchange.origin.tls?.client ?? null;
    if (
      last !== null &&
      last.origin.peerAddress === peerAddress &&
      last.origin.scheme === exchange.scheme &&
      last.origin.client === client &&
      last.origin.isPeerTrusted === exchange.isPeerTrusted
    )
      return last;
    this.#prefix = new ForwardingPrefix({
      peerAddress,
      scheme: exchange.scheme,
      isPeerTrusted: exchange.isPeerTrusted,
      pseudonym: this.#host.pseudonym,
      client,
    });
    return this.#prefix;
  }

  /** Another thread turned a connection away for want of descriptors: which this process has in common. */
  noteShortageElsewhere(): void {
    this.#isShort = true;
  }

  // `ConnectionTaker`.

  onReset(count: number): void {
    this.#metrics.reset.add(count);
  }

  onSocketError(problem: string, error: Error): void {
    this.#observer.onListenerError(this, problem, error);
  }

  onConnection(socket: KernelSocket): boolean {
    if (isBeyondClientCeiling(socket.descriptor)) {
      this.#metrics.short.add(1);
      this.#isShort = true;
      this.#observer.onShortage(this);
      socket.destroy();
      return false;
    }
    if (this.#isShort) {
      this.#isShort = false;
      this.#observer.onShortageOver(this);
    }
    if (!this.#count.enter(this.#maxConnections())) {
      this.#metrics.refused.add(1);
      socket.destroy();
      return false;
    }
    this.#metrics.accepted.add(1);
    this.#metrics.connections.add(1);
    const wire = acceptedWire(socket, this);
    this.#wires.add(wire);
    this.#receive(wire, this.#service);
    return true;
  }

  #maxConnections(): number {
    const { connections } = this.options.limits;
    return this.isDatagrams ? Math.min(connections || Number.POSITIVE_INFINITY, datagramClientCeiling()) : connections;
  }

  #receive(wire: SocketWire, service: WireService): void {
    const { steps } = service;
    if (steps.length === 0) {
      this.#serve(wire, wire, service);
      return;
    }
    const reception = new Reception({
      wire,
      steps,
      wheel: this.wheel,
      timeoutMs: this.timeouts.head,
      onReceived: (received) => this.#serve(wire, received, service),
      onInternalError: (error) => this.onInternalError(error),
    });
    wire.session = reception;
    reception.begin();
  }

  /** @param wire the one that is accounted for @param received the one to serve: that, or what stands on it */
  #serve(wire: SocketWire, received: Wire, service: WireService): void {
    try {
      const session = service.protocol(received, this);
      wire.session = session;
      // It was in a step when all others were told to end.
      if (this.isDraining) session.drain(this.#drainIdleMs);
    } catch (error) {
      this.onInternalError(error);
      wire.session = null;
      wire.destroy();
    }
  }

  // `WireServiceParts`.

  onHandshake({ version, isResumed }: WireTls): void {
    this.#metrics.countHandshake(version, isResumed ? "resumed" : "full");
  }

  onHandshakeFailed(wire: Wire, failed: FailedHandshake): void {
    this.#metrics.countHandshake(noLabelValue, failed.failure);
    this.#observer.onHandshakeFailed(this, wire.origin.peerAddress, failed);
  }

  onTlsFlood(wire: Wire): void {
    this.#metrics.countTlsFlood();
    this.#observer.onTlsFlood(this, wire.origin.peerAddress);
  }

  onProxyHeaderRefused(wire: Wire, failure: ProxyHeaderFailure): void {
    this.#metrics.headerless.add(1);
    this.#observer.onProxyHeaderRefused(this, wire.origin.peerAddress, failure);
  }

  // `WireHost`.

  onWireClosed(wire: SocketWire): void {
    if (!this.#wires.remove(wire)) return;
    if (wire.session instanceof Reception) wire.session.remove();
    this.#metrics.connections.add(-1);
    this.#count.leave();
    if (this.#wires.size === 0) this.#emptied?.resolve();
  }

  // `ClientContext`.

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
    try {
      if (exchange.onEnd !== null) exchange.onEnd();
    } catch (error) {
      this.onInternalError(error);
    }
    this.#observer.onExchangeEnd(exchange);
  }

  onInternalError(error: unknown): void {
    this.#observer.onInternalError(error);
  }

  // `TcpListenerContext`.

  get tcpRoutes(): TcpRoutes {
    return this.#host.tcpRoutes;
  }

  get forwarding(): TcpForwardContext {
    return this.#host.tcpForwarding;
  }

  get isDatagrams(): boolean {
    return this.options.mode === "udp";
  }

  onSessionEnd(session: ObservedSession): void {
    this.#observer.onSessionEnd(session);
  }
}

function transportSecurityOf({ tls }: ListenerOptions): TransportSecurityFilter | null {
  const hsts = tls?.hsts ?? null;
  return hsts === null ? null : new TransportSecurityFilter(hsts);
}
