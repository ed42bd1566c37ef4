/**
 * The data path of one thread: its listeners, its runtime, its connections. The same class serves inline, in the thread
 * of whoever called `createProxy`, and in every proxy thread. It is told what to do through `prepare`, `commit` and
 * `drain`, and never asks anybody while it serves.
 */
import { EndOfTurn } from "../base/end-of-turn.ts";
import { HeldMemory } from "../base/held-memory.ts";
import { systemScheduler } from "../base/scheduler.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TurnQueue } from "../base/turn-queue.ts";
import type { Config } from "../config/schema.ts";
import type { HedgeResult } from "../forward/forward-plan.ts";
import { resolveClient } from "../http/client-address.ts";
import type { Exchange } from "../http/exchange.ts";
import { toLowerAscii } from "../http/fields.ts";
import { isLoop } from "../http/forwarding-fields.ts";
import type { ProxyError, ReasonCode } from "../http/reason.ts";
import { RequestIdSource } from "../http/request-id.ts";
import { LagSampler } from "../middleware/shed/lag-sampler.ts";
import { coversAddress, type ListenAddress, formatListenAddress } from "../net/listen-address.ts";
import { ListeningSocket } from "../net/listening-socket.ts";
import { AccessLog, type AccessLogSink } from "../observe/access-log.ts";
import { EventLoopLag } from "../observe/event-loop-lag.ts";
import { ExchangeMetrics, type ListenerMetrics } from "../observe/exchange-metrics.ts";
import { families } from "../observe/families.ts";
import type { Logger } from "../observe/logger.ts";
import { LabelNames } from "../observe/label-names.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import type { Warning, WarningSink } from "../observe/repeated-warning.ts";
import { ambiguous } from "../route/router.ts";
import { Stores } from "../store/stores.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import { HostResolver } from "../upstream/names/host-resolver.ts";
import type { Transport } from "../upstream/transport.ts";
import { toServerNames } from "../upstream/names/lookup-function.ts";
import { ConnectionCount } from "./connection-count.ts";
import type { BoundAddress, ChosenPorts } from "./bound-address.ts";
import type { EndpointList } from "./data-planes.ts";
import { FailureWarnings } from "./failure-warnings.ts";
import type { Inspection } from "./inspection.ts";
import { loadFunctions } from "./load-functions.ts";
import { Listener, type ListenerHost } from "./listener.ts";
import { nameReports } from "./name-reports.ts";
import { Retired } from "./retired.ts";
import { Runtime } from "./runtime.ts";

/** What a data plane is made of. */
export interface DataPlaneParts {
  readonly memory: SharedMemory;
  /** Which of `stripes` threads this is. */
  readonly stripeIndex: number;
  readonly stripes: number;
  /** The instance's name in Via, the same in all its threads. */
  readonly pseudonym: string;
  /** See `ProxyOptions`. */
  readonly idleGraceMs: number;
  readonly logger: Logger;
  /** Takes what goes wrong again and again. */
  readonly warnings: WarningSink;
  /** Takes lines of the access log. */
  readonly onAccessLog: AccessLogSink;
  readonly onMetricPage: (page: SharedArrayBuffer) => void;
}

interface Prepared {
  readonly runtime: Runtime;
  readonly names: LabelNames;
  /** Transports of the runtime that is replaced. */
  readonly leftBehind: readonly Transport[];
  readonly opened: Map<string, ListeningSocket>;
  readonly accessLog: AccessLog | null;
}

/** The data path of one thread. */
export class DataPlane implements ListenerHost {
  readonly wheel: TimerWheel;
  readonly turns = new TurnQueue();
  readonly pseudonym: string;
  readonly #parts: DataPlaneParts;
  readonly #metrics: ExchangeMetrics;
  readonly #writer: MetricWriter;
  readonly #failures: FailureWarnings;
  readonly #lag: EventLoopLag;
  readonly #stores: Stores;
  readonly #sampler = new LagSampler();
  readonly #resolver: HostResolver;
  readonly #endOfTurn = new EndOfTurn();
  readonly #requestIds = new RequestIdSource();
  readonly #retired = new Retired();
  #listeners = new Map<string, Listener>();
  #runtime: Runtime | null = null;
  #accessLog: AccessLog | null = null;
  #prepared: Prepared | null = null;
  #names: LabelNames | null = null;
  #isClosed = false;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
    this.pseudonym = parts.pseudonym;
    this.wheel = new TimerWheel({ onError: (error) => this.onInternalError(error) });
    this.#writer = new MetricWriter({ onPage: parts.onMetricPage });
    this.#metrics = new ExchangeMetrics(this.#writer);
    this.#failures = new FailureWarnings(parts.warnings);
    this.#resolver = new HostResolver(nameReports(parts.warnings, this.#writer));
    this.#stores = new Stores({ metrics: this.#writer, logger: parts.logger, names: toServerNames(this.#resolver) });
    this.#lag = new EventLoopLag({ writer: this.#writer, workerName: String(parts.stripeIndex) });
    this.wheel.start();
  }

  /**
   * Builds what `config` asks for beside what is running, listening sockets included: whoever connects to a new one
   * waits. Nothing changes for exchanges until `commit`.
   * @param options.isShared other threads listen on the same addresses; then only the first thread opens Unix and
   * inherited sockets
   * @throws what made it impossible; then nothing of it is left
   */
  async prepare(config: Config, options: { isShared: boolean; chosenPorts: ChosenPorts }): Promise<void> {
    const opened = new Map<string, ListeningSocket>();
    try {
      const held = HeldMemory.open(this.#parts.memory, this.#parts.stripeIndex, this.#parts.stripes);
      const functions = await loadFunctions(config.modules);
      const stores = await this.#stores.prepare(config.stores);
      const runtime = await Runtime.build(
        {
          config,
          memory: this.#parts.memory,
          stripeIndex: this.#parts.stripeIndex,
          stripes: this.#parts.stripes,
          transports: {
            wheel: this.wheel,
            endOfTurn: this.#endOfTurn,
            resolver: this.#resolver,
            onConnected: this.#onConnected,
            onInternalError: (error) => this.onInternalError(error),
          },
          forwarding: {
            wheel: this.wheel,
            scheduler: systemScheduler,
            random: Math.random,
            held,
            onRetry: this.#onRetry,
            onAttemptFailure: this.#onAttemptFailure,
            onRetryRefused: this.#onRetryRefused,
            onHedge: this.#onHedge,
            onTunnel: this.#onTunnel,
          },
          middlewares: {
            wheel: this.wheel,
            memory: this.#parts.memory,
            held,
            stripeIndex: this.#parts.stripeIndex,
            stripes: this.#parts.stripes,
            metrics: this.#writer,
            logger: this.#parts.logger,
            warnings: this.#parts.warnings,
            stores,
            functions,
            lag: this.#sampler,
            onInternalError: (error) => this.onInternalError(error),
          },
        },
        this.#runtime,
      );
      const leftBehind = (await this.#runtime?.upstreams.leftBehind(runtime.upstreams)) ?? [];
      const names = await LabelNames.build(config);
      const accessLog = this.#createAccessLog(config);
      for (const listenerOptions of config.listeners) {
        const key = formatListenAddress(listenerOptions.address);
        if (this.#sockets.has(key) || !this.#opens(listenerOptions.address, options.isShared)) continue;
        const socket = new ListeningSocket(listenerOptions.address);
        opened.set(key, socket);
        await socket.listen(options.chosenPorts.get(key) ?? null);
      }
      if (this.#isClosed) throw new Error("this proxy has been closed");
      this.#prepared = { runtime, names, leftBehind, opened, accessLog };
    } catch (error) {
      this.#stores.abort();
      for (const socket of opened.values()) socket.close();
      throw error;
    }
  }

  /**
   * Makes what was prepared the running configuration, in one step, and drains what it no longer has. @throws if
   * nothing is prepared
   */
  commit(): void {
    const prepared = this.#prepared;
    if (prepared === null) throw new Error("no configuration has been prepared");
    this.#prepared = null;
    this.#runtime = prepared.runtime;
    this.#names = prepared.names;
    this.#keepFailures();
    this.#stores.commit();
    if (prepared.runtime.config.overload.maxEventLoopLag > 0) this.#sampler.start();
    else this.#sampler.stop();
    if (this.#accessLog !== prepared.accessLog) this.#accessLog?.flush();
    this.#accessLog = prepared.accessLog;
    this.#adoptListeners(prepared);
    this.#adoptNames();
    for (const transport of prepared.leftBehind) this.#retired.addTransport(transport);
  }

  /** Gives upstreams of the running configuration other endpoints. Those that are gone are drained. */
  async takeLists(lists: readonly EndpointList[]): Promise<void> {
    const slices = new TimeSlices();
    for (const { upstream: name, endpoints } of lists) {
      for (const transport of this.#runtime!.upstreams.take(name, endpoints)) this.#retired.addTransport(transport);
      this.#names?.setEndpoints(name, endpoints);
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#keepFailures();
    if (this.#names !== null) this.#metrics.adopt(this.#names);
  }

  /** Forgets the failures of what is gone. */
  #keepFailures(): void {
    const { upstreams } = this.#runtime!;
    this.#failures.keep(
      (upstream, endpoint) => upstreams.hasOpenEndpoint(upstream, endpoint),
      (upstream) => upstreams.has(upstream),
    );
  }

  /**
   * Every socket gets the listener of its address. One whose address is gone, but covered by another of the same port,
   * goes on: what waits in its queue is not lost.
   */
  #adoptListeners({ runtime: { config }, opened }: Prepared): void {
    const sockets = new Map([...this.#sockets, ...opened]);
    const before = this.#listeners;
    this.#listeners = new Map();
    for (const options of config.listeners) {
      const key = formatListenAddress(options.address);
      if (!sockets.has(key)) continue;
      const kept = before.get(key);
      kept?.update(options);
      this.#listeners.set(key, kept ?? new Listener(options, this));
    }
    for (const listener of before.values()) listener.releaseSockets();
    for (const [key, socket] of sockets) {
      const listener = this.#listeners.get(key) ?? findCovering(this.#listeners.values(), socket.address);
      if (listener === undefined) socket.close();
      else listener.serve(socket);
    }
    for (const [key, listener] of before)
      if (!this.#listeners.has(key)) this.#retired.addListener(listener, config.shutdown.grace, this.#adoptNames);
  }

  /** All that are open and serve, by address as configured. */
  get #sockets(): ReadonlyMap<string, ListeningSocket> {
    return new Map(
      [...this.#listeners.values()].flatMap((listener) => listener.sockets.map((socket) => [socket.key, socket])),
    );
  }

  /** Forgets what was prepared. */
  abort(): void {
    this.#stores.abort();
    for (const socket of this.#prepared?.opened.values() ?? []) socket.close();
    this.#prepared = null;
    this.#adoptNames();
  }

  /** Where it listens. */
  get addresses(): BoundAddress[] {
    const sockets = new Map([...this.#sockets, ...(this.#prepared?.opened ?? [])]);
    const config = this.#prepared?.runtime.config ?? this.#runtime?.config;
    return (config?.listeners ?? []).flatMap(({ name, address }) => {
      const configured = formatListenAddress(address);
      const socket = sockets.get(configured);
      return socket === undefined ? [] : [{ name, configured, host: socket.host, port: socket.port }];
    });
  }

  /** Accepts no more connections and waits until the last one is gone. */
  async drain(): Promise<void> {
    const { idleGraceMs } = this.#parts;
    await Promise.all([
      ...[...this.#listeners.values()].map((listener) => listener.drain(idleGraceMs)),
      this.#retired.drain(idleGraceMs),
    ]);
  }

  /** Ends everything at once. */
  close(): void {
    this.#isClosed = true;
    this.abort();
    for (const listener of this.#listeners.values()) listener.close();
    for (const transport of this.#runtime?.upstreams.transports ?? []) transport.close();
    this.#resolver.close();
    this.#stores.close();
    this.#sampler.stop();
    this.#lag.close();
    this.#retired.close();
    this.#accessLog?.flush();
    this.wheel.close();
  }

  inspect(): Inspection {
    const listeners = [...this.#listeners.values(), ...this.#retired.listeners];
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

  onExchangeEnd(exchange: Exchange): void {
    try {
      if (exchange.onEnd !== null) exchange.onEnd();
    } catch (error) {
      this.onInternalError(error);
    }
    this.#metrics.record(exchange);
    if (exchange.record.reason === "SHUTTING_DOWN")
      this.#writer.counter(families.cut, [exchange.record.status === 101 ? "tunnel" : "exchange"]).add(1);
    this.#failures.noteEnd(exchange);
    if (this.#accessLog !== null) this.#accessLog.record(exchange);
  }

  /** A bug of ours: counted and logged, and the thread goes on. */
  onInternalError(error: unknown): void {
    this.#writer.counter(families.internalErrors).add(1);
    this.#parts.logger.error("internal error", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  onListenerError({ options: { name } }: Listener, problem: string, { code, message }: NodeJS.ErrnoException): void {
    const fields = { listener: name, errno: code, error: message };
    this.#parts.warnings.warn({
      subject: `listening ${name}`,
      reason: `${problem} ${code ?? message}`,
      message: problem,
      fields,
    });
  }

  onShortage({ options: { name } }: Listener): void {
    this.#parts.warnings.warn({
      subject: `listener ${name}`,
      reason: "EMFILE",
      message: "turning connections away: this process has too many open files (raise `ulimit -n`)",
      fields: { listener: name, errno: "EMFILE" },
    });
  }

  onShortageOver({ options: { name } }: Listener): void {
    this.#parts.warnings.recover(`listener ${name}`, "connections are taken again", { listener: name });
  }

  /** Another thread saw something fail: see `FailureWarnings.noteElsewhere`. */
  noteTroubleElsewhere(trouble: Warning): void {
    this.#failures.noteElsewhere(trouble);
    for (const listener of this.#listeners.values())
      if (trouble.subject === `listener ${listener.options.name}`) listener.noteShortageElsewhere();
  }

  metricsOf(listenerName: string): ListenerMetrics {
    return this.#metrics.listener(listenerName);
  }

  connectionCountOf(listenerName: string): ConnectionCount {
    return new ConnectionCount(this.#parts.memory, listenerName, this.#parts.stripeIndex, this.#parts.stripes);
  }

  readonly #onRetry = (exchange: Exchange, cause: ReasonCode | number): void =>
    this.#metrics.recordRetry(exchange, cause);

  readonly #onAttemptFailure = (exchange: Exchange, endpoint: Endpoint, { code, detail }: ProxyError): void =>
    this.#failures.noteAttempt(exchange.record.upstreamName, endpoint.name, code, detail);

  readonly #onConnected = (endpointUrl: string): void => this.#failures.noteConnected(endpointUrl);

  readonly #onHedge = (exchange: Exchange, result: HedgeResult): void =>
    this.#writer.counter(families.hedges, [exchange.record.upstreamName, result]).add();

  readonly #onRetryRefused = (exchange: Exchange): void =>
    this.#writer.counter(families.retriesRefused, [exchange.record.upstreamName]).add();

  readonly #onTunnel = (exchange: Exchange, delta: 1 | -1): void =>
    this.#metrics.tunnels(exchange.record.routeName, exchange.record.upstreamName).add(delta);

  /** Metrics name what the running configuration has, and listeners that still have connections. */
  readonly #adoptNames = (): void => {
    if (this.#names === null) return;
    this.#names.setListeners(
      [...this.#listeners.values(), ...this.#retired.listeners].map(({ options }) => options.name),
    );
    this.#metrics.adopt(this.#names);
  };

  #opens(address: ListenAddress, isShared: boolean): boolean {
    // The kernel spreads connections among sockets of one port only; other sockets are the first thread's.
    return address.kind === "tcp" || !isShared || this.#parts.stripeIndex === 0;
  }

  #createAccessLog(config: Config): AccessLog | null {
    const options = config.log.access;
    if (options === null) return null;
    const before = this.#runtime?.config.log.access;
    if (this.#accessLog !== null && JSON.stringify(before) === JSON.stringify(options)) return this.#accessLog;
    return new AccessLog(options, this.#parts.onAccessLog);
  }
}

/** Who listens on an address of the same port that takes what is sent to `address`, too. */
function findCovering(listeners: Iterable<Listener>, address: ListenAddress): Listener | undefined {
  if (address.kind !== "tcp" || address.port === 0) return undefined;
  for (const listener of listeners)
    if (listener.options.address.kind === "tcp" && coversAddress(listener.options.address, address)) return listener;
  return undefined;
}
