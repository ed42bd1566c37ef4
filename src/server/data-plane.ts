/**
 * The data path of one thread: its listeners, its runtime, its connections. The same class serves inline, in the thread
 * of whoever called `createProxy`, and in every proxy thread. It is told what to do through `prepare`, `commit` and
 * `drain`, and never asks anybody while it serves.
 */
import { Caches } from "../cache/caches.ts";
import { EndOfTurn } from "../base/end-of-turn.ts";
import { HeldMemory } from "../base/held-memory.ts";
import { systemScheduler } from "../base/scheduler.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TurnQueue } from "../base/turn-queue.ts";
import type { Config } from "../config/schema.ts";
import { resolveClient } from "../http/client-address.ts";
import type { Exchange } from "../http/exchange.ts";
import { toLowerAscii } from "../http/field-text.ts";
import { isLoop } from "../http/forwarding-fields.ts";
import { RequestIdSource } from "../http/request-id.ts";
import { LagSampler } from "../middleware/shed/lag-sampler.ts";
import type { ServerContexts } from "../net/tls/server-contexts.ts";
import type { TlsMaterial } from "../net/tls/tls-material.ts";
import { TlsTrafficWatch } from "../net/tls/traffic-watch.ts";
import { HandshakeGate } from "../net/tls/handshake-gate.ts";
import { EventLoopLag } from "../observe/event-loop-lag.ts";
import { LabelNames } from "../observe/label-names.ts";
import type { Warning } from "../observe/repeated-warning.ts";
import { ambiguous } from "../route/router.ts";
import { Stores } from "../store/stores.ts";
import { HostResolver } from "../upstream/names/host-resolver.ts";
import type { TcpForwardContext, TcpRoutes } from "../tcp/tcp-context.ts";
import type { Transport } from "../upstream/transport.ts";
import { toServerNames } from "../upstream/names/lookup-function.ts";
import { ConnectionCount } from "./connection-count.ts";
import type { BoundAddress } from "./bound-address.ts";
import { cachePlacesOf } from "./cache-places.ts";
import { answerChallenge, isChallengePath } from "./challenge-answer.ts";
import type { EndpointList } from "./data-planes.ts";
import type { Inspection } from "./inspection.ts";
import { loadFunctions } from "./load-functions.ts";
import type { Listener, ListenerHost } from "./listener.ts";
import { redirectToHttps } from "./https-redirect.ts";
import { type AddressSharing, ListenerSet } from "./listener-set.ts";
import { nameReports } from "./name-reports.ts";
import { PlaneCertificates, type WantCertificate } from "./plane-certificates.ts";
import { type ObservedConfig, PlaneObserver, type PlaneObserverParts, shortageSubjectOf } from "./plane-observer.ts";
import { Retired } from "./retired.ts";
import { Runtime } from "./runtime.ts";

/** A change of endpoints stops the thread for no longer at a time, in milliseconds: it comes while requests do. */
const listSliceMs = 1;

/** What a data plane is made of. */
export interface DataPlaneParts extends PlaneObserverParts {
  readonly memory: SharedMemory;
  /** Which of `stripes` threads this is. */
  readonly stripeIndex: number;
  readonly stripes: number;
  /** The instance's name in Via, the same in all its threads. */
  readonly pseudonym: string;
  /** See `ProxyOptions`. */
  readonly idleGraceMs: number;
  readonly onCertificateWanted: WantCertificate;
}

interface Prepared {
  readonly runtime: Runtime;
  readonly observed: ObservedConfig;
  readonly tls: TlsMaterial;
  /** Transports of the runtime that is replaced. */
  readonly leftBehind: readonly Transport[];
}

/** The data path of one thread. */
export class DataPlane implements ListenerHost {
  readonly wheel: TimerWheel;
  readonly turns = new TurnQueue();
  readonly handshakes = new HandshakeGate();
  readonly tlsTraffic: TlsTrafficWatch;
  readonly pseudonym: string;
  readonly observer: PlaneObserver;
  readonly tcpForwarding: TcpForwardContext;
  readonly #parts: DataPlaneParts;
  readonly #lag: EventLoopLag;
  readonly #stores: Stores;
  readonly #caches: Caches;
  readonly #sampler = new LagSampler();
  readonly #resolver: HostResolver;
  readonly #endOfTurn = new EndOfTurn();
  readonly #requestIds = new RequestIdSource();
  readonly #listeners: ListenerSet;
  readonly #retired = new Retired();
  readonly #certificates: PlaneCertificates;
  #runtime: Runtime | null = null;
  #prepared: Prepared | null = null;
  #isClosed = false;

  constructor(parts: DataPlaneParts) {
    const { logger, warnings, stripeIndex } = parts;
    this.#parts = parts;
    this.pseudonym = parts.pseudonym;
    this.observer = new PlaneObserver(parts);
    const { writer, onRetry, onAttemptFailure, onRetryRefused, onTunnel } = this.observer;
    this.tcpForwarding = {
      scheduler: systemScheduler,
      random: Math.random,
      onRetry,
      onAttemptFailure,
      onRetryRefused,
      onTunnel,
    };
    this.wheel = new TimerWheel({ onError: this.#onInternalError });
    this.tlsTraffic = new TlsTrafficWatch(this.wheel);
    this.#certificates = new PlaneCertificates(parts.onCertificateWanted);
    this.#listeners = new ListenerSet(this, stripeIndex);
    this.#resolver = new HostResolver(nameReports(warnings, writer));
    const names = toServerNames(this.#resolver);
    this.#stores = new Stores({ metrics: writer, logger, names });
    const { memory, stripes } = parts;
    this.#caches = new Caches(
      {
        memory,
        stripeIndex,
        stripes,
        wheel: this.wheel,
        metrics: writer,
        logger,
        warnings,
        names,
        onInternalError: this.#onInternalError,
      },
      systemScheduler,
    );
    this.#lag = new EventLoopLag({ writer, workerName: String(stripeIndex) });
    this.wheel.start();
  }

  /**
   * Builds what `config` asks for beside what is running, listening sockets included: whoever connects to a new one
   * waits. Nothing changes for exchanges until `commit`.
   * @throws what made it impossible; then nothing of it is left
   */
  async prepare(config: Config, sharing: AddressSharing, tls: TlsMaterial): Promise<void> {
    try {
      const runtime = await this.#buildRuntime(config);
      const leftBehind = (await this.#runtime?.upstreams.leftBehind(runtime.upstreams)) ?? [];
      const observed = this.observer.prepare(await LabelNames.build(config), config.log.access);
      await this.#listeners.prepare(config.listeners, sharing);
      if (this.#isClosed) throw new Error("this proxy has been closed");
      this.#prepared = { runtime, observed, leftBehind, tls };
    } catch (error) {
      this.#stores.abort();
      this.#caches.abort();
      this.#listeners.abort();
      throw error;
    }
  }

  async #buildRuntime(config: Config): Promise<Runtime> {
    const { memory, stripeIndex, stripes, logger, warnings } = this.#parts;
    const { wheel, observer } = this;
    const onInternalError = this.#onInternalError;
    const held = HeldMemory.open(memory, stripeIndex, stripes);
    const functions = await loadFunctions(config.modules);
    const stores = await this.#stores.prepare(config.stores);
    const caches = await this.#caches.prepare(cachePlacesOf(config));
    return Runtime.build(
      {
        config,
        memory,
        stripeIndex,
        stripes,
        transports: {
          wheel,
          endOfTurn: this.#endOfTurn,
          resolver: this.#resolver,
          onConnected: observer.onConnected,
          traffic: this.tlsTraffic,
          onInternalError,
        },
        forwarding: {
          wheel,
          scheduler: systemScheduler,
          random: Math.random,
          held,
          onRetry: observer.onRetry,
          onAttemptFailure: observer.onAttemptFailure,
          onRetryRefused: observer.onRetryRefused,
          onHedge: observer.onHedge,
          onTunnel: observer.onTunnel,
        },
        middlewares: {
          wheel,
          memory,
          held,
          stripeIndex,
          stripes,
          metrics: observer.writer,
          logger,
          warnings,
          stores,
          caches: caches.stores,
          cacheParts: caches.parts,
          functions,
          lag: this.#sampler,
          onInternalError,
        },
      },
      this.#runtime,
    );
  }

  /**
   * Makes what was prepared the running configuration, in one step, and drains what it no longer has. @throws if
   * nothing is prepared
   */
  commit(): void {
    if (this.#prepared === null) throw new Error("no configuration has been prepared");
    const { runtime, observed, leftBehind, tls } = this.#prepared;
    const { shutdown, overload } = runtime.config;
    this.#prepared = null;
    this.#runtime = runtime;
    this.observer.keepFailures(runtime.upstreams);
    this.#stores.commit();
    this.#caches.commit(shutdown.grace);
    if (overload.maxEventLoopLag > 0) this.#sampler.start();
    else this.#sampler.stop();
    this.observer.commit(observed);
    this.#certificates.take(tls);
    for (const listener of this.#listeners.commit())
      this.#retired.addListener(listener, shutdown.grace, this.#observeListeners);
    this.#observeListeners();
    for (const transport of leftBehind) this.#retired.addTransport(transport);
  }

  readonly #observeListeners = (): void =>
    this.observer.adoptListeners([...this.#listeners.all, ...this.#retired.listeners]);

  /** Gives upstreams of the running configuration other endpoints, in slices. Those that are gone are drained. */
  async takeLists(lists: readonly EndpointList[]): Promise<void> {
    const { upstreams } = this.#runtime!;
    const slices = new TimeSlices(listSliceMs);
    for (const list of lists) {
      const steps = upstreams.take(list.upstream, list.patch);
      for (;;) {
        const step = steps.next();
        if (step.done === true) {
          for (const transport of step.value) this.#retired.addTransport(transport);
          this.observer.patchEndpoints(list);
        }
        const pause = slices.pause();
        if (pause !== null) await pause;
        if (step.done === true) break;
      }
    }
    this.observer.adoptEndpoints(upstreams);
  }

  get tlsMaterial(): TlsMaterial {
    return this.#certificates.material;
  }

  /** Gives the running configuration other certificates, rules or challenges. Open connections keep what they have. */
  takeCertificates(tls: TlsMaterial): void {
    this.#certificates.take(tls);
  }

  /** Forgets what was prepared. */
  abort(): void {
    this.#stores.abort();
    this.#caches.abort();
    this.#listeners.abort();
    this.#prepared = null;
    this.#observeListeners();
  }

  /** Where it listens. */
  get addresses(): BoundAddress[] {
    return this.#listeners.addresses;
  }

  /** Accepts no more connections and waits until the last one is gone. */
  async drain(): Promise<void> {
    const { idleGraceMs } = this.#parts;
    await Promise.all([
      ...this.#listeners.all.map((listener) => listener.drain(idleGraceMs)),
      this.#retired.drain(idleGraceMs),
    ]);
  }

  /** Ends everything at once. */
  close(): void {
    this.#isClosed = true;
    this.abort();
    for (const listener of this.#listeners.all) listener.close();
    for (const transport of this.#runtime?.upstreams.transports ?? []) transport.close();
    this.#resolver.close();
    this.#stores.close();
    this.#caches.close();
    this.#sampler.stop();
    this.#lag.close();
    this.#retired.close();
    this.observer.flush();
    this.wheel.close();
  }

  inspect(): Inspection {
    const listeners = [...this.#listeners.all, ...this.#retired.listeners];
    const transports = [...(this.#runtime?.upstreams.transports ?? []), ...this.#retired.transports];
    const sum = <Item>(items: readonly Item[], numberOf: (item: Item) => number): number =>
      items.reduce((total, item) => total + numberOf(item), 0);
    return {
      connections: sum(listeners, (listener) => listener.connectionCount),
      exchanges: sum(listeners, (listener) => listener.exchangeCount),
      upstreamConnections: sum(transports, (transport) => transport.connectionCount),
      idleUpstreamConnections: sum(transports, (transport) => transport.idleCount),
      deadlines: this.wheel.linkedCount,
    };
  }

  // `ListenerHost`: the way of a request.

  answer(exchange: Exchange, listener: Listener): void {
    const request = exchange.request;
    if (exchange.isPeerTrusted) {
      const { forwardedFor, forwarded } = request;
      exchange.clientIp = resolveClient({
        peerAddress: exchange.peerAddress,
        forwardedFor,
        forwarded,
        isTrusted: (address) => listener.isTrusted(address),
      });
    }
    exchange.requestId = this.#requestIds.choose(request.requestId);
    if (this.#certificates.hasChallenges && isChallengePath(request.path))
      answerChallenge(exchange, this.#certificates, (unknown) => this.#answer(unknown, listener));
    else this.#answer(exchange, listener);
  }

  #answer(exchange: Exchange, listener: Listener): void {
    const { request } = exchange;
    if (this.#isAnsweredByListener(exchange, listener)) return;
    if ((request.via !== null || request.cdnLoop !== null) && isLoop(request, this.pseudonym))
      exchange.refusal = "LOOP_DETECTED";
    // Before the route is chosen: matchers see the forwarding fields as the endpoint will.
    exchange.forwardingPrefix = listener.prefixOf(exchange);
    const route = this.#runtime!.match(exchange);
    const { refusal } = exchange;
    if (route === null) exchange.fail(refusal ?? "NO_ROUTE");
    else if (route === ambiguous) exchange.fail(refusal ?? "AMBIGUOUS_TARGET");
    else {
      exchange.record.routeName = route.name;
      if (exchange.upgrade !== null && !route.upgrades.has(toLowerAscii(exchange.upgrade))) exchange.upgrade = null;
      if (refusal === null) route.answer(exchange);
      else route.refuse(exchange, refusal);
    }
  }

  /** What is no route's business: where a request came in decides it. @returns false if a route is to answer */
  #isAnsweredByListener(exchange: Exchange, listener: Listener): boolean {
    const { tls, isMisplaced } = exchange.origin;
    const { redirect } = listener.options;
    if (isMisplaced === true) exchange.fail("PLAIN_HTTP_ON_TLS_PORT");
    else if (redirect !== null)
      return redirectToHttps(exchange, redirect, (address) => this.#listeners.portOf(address));
    else if (tls != null && listener.isMisdirected(tls, exchange.request.host)) exchange.fail("MISDIRECTED");
    else {
      if (tls != null && listener.transportSecurity !== null) exchange.filterAnswerLast(listener.transportSecurity);
      return false;
    }
    return true;
  }

  contextsOf(listenerName: string): ServerContexts {
    return this.#certificates.of(listenerName);
  }

  get tcpRoutes(): TcpRoutes {
    return this.#runtime!.tcpRoutes;
  }

  connectionCountOf(listenerName: string): ConnectionCount {
    const { memory, stripeIndex, stripes } = this.#parts;
    return new ConnectionCount(memory, listenerName, stripeIndex, stripes);
  }

  /** Another thread saw something fail: see `FailureWarnings.noteElsewhere`. */
  noteTroubleElsewhere(trouble: Warning): void {
    this.observer.noteTroubleElsewhere(trouble);
    for (const listener of this.#listeners.all)
      if (trouble.subject === shortageSubjectOf(listener.options.name)) listener.noteShortageElsewhere();
  }

  readonly #onInternalError = (error: unknown): void => this.observer.onInternalError(error);
}
