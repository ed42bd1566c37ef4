/**
 * What a data plane tells of its traffic: metrics, the access log, and warnings of what fails. Decides nothing: an
 * exchange goes the same way whatever is told of it.
 */
import type { HedgeResult } from "../forward/forward-plan.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Recorded } from "../http/exchange-record.ts";
import type { ProxyError, ReasonCode } from "../http/reason.ts";
import { handshakeFailures } from "../net/tls/handshake-failure.ts";
import type { FailedHandshake } from "../net/tls/tls-step.ts";
import { tlsFloodMessage } from "../net/tls/traffic-watch.ts";
import { AccessLog, type AccessLogSink } from "../observe/access-log.ts";
import { ExchangeMetrics, type ListenerMetrics } from "../observe/exchange-metrics.ts";
import { families } from "../observe/families.ts";
import type { LabelNames } from "../observe/label-names.ts";
import type { Logger } from "../observe/logger.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import type { ProxyHeaderFailure } from "../net/proxy-protocol/proxy-step.ts";
import type { ObservedSession } from "../observe/observed-session.ts";
import type { AccessLogOptions } from "../observe/options.ts";
import type { Warning, WarningSink } from "../observe/repeated-warning.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { EndpointList } from "./data-planes.ts";
import { FailureWarnings } from "./failure-warnings.ts";
import type { Listener, ListenerObserver } from "./listener.ts";
import type { Upstreams } from "./upstreams.ts";

/** Where what is told goes. */
export interface PlaneObserverParts {
  readonly logger: Logger;
  /** Takes what goes wrong again and again. */
  readonly warnings: WarningSink;
  /** Takes lines of the access log. */
  readonly onAccessLog: AccessLogSink;
  readonly onMetricPage: (page: SharedArrayBuffer) => void;
}

/** What a configuration changes for its observer; made by `PlaneObserver.prepare`. */
export interface ObservedConfig {
  readonly names: LabelNames;
  readonly accessOptions: AccessLogOptions | null;
  readonly accessLog: AccessLog | null;
}

/** Counts, logs and warns of what one data plane does. */
export class PlaneObserver implements ListenerObserver {
  /** For those who count something of their own. */
  readonly writer: MetricWriter;
  readonly #parts: PlaneObserverParts;
  readonly #metrics: ExchangeMetrics;
  readonly #failures: FailureWarnings;
  #names: LabelNames | null = null;
  #accessOptions: AccessLogOptions | null = null;
  #accessLog: AccessLog | null = null;

  constructor(parts: PlaneObserverParts) {
    this.#parts = parts;
    this.writer = new MetricWriter({ onPage: parts.onMetricPage });
    this.#metrics = new ExchangeMetrics(this.writer);
    this.#failures = new FailureWarnings(parts.warnings);
  }

  /** Prepares for a configuration; nothing changes until `commit`. @throws RangeError for an unusable template */
  prepare(names: LabelNames, accessOptions: AccessLogOptions | null): ObservedConfig {
    const isKept = JSON.stringify(this.#accessOptions) === JSON.stringify(accessOptions);
    if (isKept) return { names, accessOptions, accessLog: this.#accessLog };
    const accessLog = accessOptions === null ? null : new AccessLog(accessOptions, this.#parts.onAccessLog);
    return { names, accessOptions, accessLog };
  }

  /** The configuration with these names and this access log is running. `adoptListeners` follows. */
  commit({ names, accessOptions, accessLog }: ObservedConfig): void {
    if (this.#accessLog !== accessLog) this.#accessLog?.flush();
    this.#names = names;
    this.#accessOptions = accessOptions;
    this.#accessLog = accessLog;
  }

  /** Metrics name what the running configuration has, and `listeners`: its own, and others that have connections. */
  adoptListeners(listeners: readonly Listener[]): void {
    if (this.#names === null) return;
    this.#names.setListeners(listeners.map(({ options }) => options.name));
    this.#metrics.adopt(this.#names);
  }

  /** `upstream` has other endpoints. `adoptEndpoints` follows the last one. */
  patchEndpoints({ upstream, patch }: Pick<EndpointList, "upstream" | "patch">): void {
    this.#names?.patchEndpoints(upstream, patch);
  }

  /** Forgets the endpoints that are gone. */
  adoptEndpoints(upstreams: Upstreams): void {
    this.keepFailures(upstreams);
    if (this.#names !== null) this.#metrics.adopt(this.#names);
  }

  /** Forgets the failures of what `upstreams` no longer has. */
  keepFailures(upstreams: Upstreams): void {
    this.#failures.keep(
      (upstream, endpoint) => upstreams.hasOpenEndpoint(upstream, endpoint),
      (upstream) => upstreams.has(upstream),
    );
  }

  /** Another thread saw something fail: see `FailureWarnings.noteElsewhere`. */
  noteTroubleElsewhere(trouble: Warning): void {
    this.#failures.noteElsewhere(trouble);
  }

  /** Hands over the lines of the access log that have been gathered. */
  flush(): void {
    this.#accessLog?.flush();
  }

  // `ListenerObserver`.

  onExchangeEnd(exchange: Exchange): void {
    this.#metrics.record(exchange);
    if (exchange.record.reason === "SHUTTING_DOWN")
      this.writer.counter(families.cut, [exchange.record.status === 101 ? "tunnel" : "exchange"]).add(1);
    this.#failures.noteEnd(exchange);
    if (this.#accessLog !== null) this.#accessLog.record(exchange);
  }

  onSessionEnd(session: ObservedSession): void {
    this.#metrics.recordSession(session);
    if (session.record.reason === "SHUTTING_DOWN") this.writer.counter(families.cut, ["tunnel"]).add(1);
    this.#failures.noteEnd(session);
    if (this.#accessLog !== null) this.#accessLog.recordSession(session);
  }

  /** A bug of ours: counted and logged, and the thread goes on. */
  onInternalError(error: unknown): void {
    this.writer.counter(families.internalErrors).add(1);
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
      subject: shortageSubjectOf(name),
      reason: "EMFILE",
      message: "turning connections away: this process has too many open files (raise `ulimit -n`)",
      fields: { listener: name, errno: "EMFILE" },
    });
  }

  onShortageOver({ options: { name } }: Listener): void {
    this.#parts.warnings.recover(shortageSubjectOf(name), "connections are taken again", { listener: name });
  }

  onProxyHeaderRefused({ options: { name } }: Listener, peer: string, failure: ProxyHeaderFailure): void {
    this.#parts.warnings.warn({
      subject: `PROXY headers ${name}`,
      reason: failure,
      message: "closed a connection of a load balancer: it must send a PROXY header first",
      fields: { listener: name, peer: peer === "" ? "unix" : peer, problem: failure },
    });
  }

  onHandshakeFailed({ options: { name } }: Listener, peer: string, failed: FailedHandshake): void {
    const { failure, serverName, detail } = failed;
    this.#parts.warnings.warn({
      subject: `TLS ${name}`,
      reason: failure,
      message: handshakeFailures[failure],
      fields: {
        listener: name,
        failure,
        peer: peer === "" ? "unix" : peer,
        ...(serverName !== null && { serverName }),
        ...(detail !== "" && { detail }),
      },
    });
  }

  onTlsFlood({ options: { name } }: Listener, peer: string): void {
    this.#parts.warnings.warn({
      subject: `TLS floods ${name}`,
      reason: "records without data",
      message: tlsFloodMessage,
      fields: { listener: name, peer: peer === "" ? "unix" : peer },
    });
  }

  metricsOf(listenerName: string): ListenerMetrics {
    return this.#metrics.listener(listenerName);
  }

  // What attempts and connections to endpoints tell (`ForwardContext`, `TransportContext`).

  readonly onRetry = (exchange: Recorded, cause: ReasonCode | number): void =>
    this.#metrics.recordRetry(exchange, cause);

  readonly onAttemptFailure = (exchange: Recorded, endpoint: Endpoint, { code, detail }: ProxyError): void =>
    this.#failures.noteAttempt(exchange.record.upstreamName, endpoint.name, code, detail);

  readonly onRetryRefused = (exchange: Recorded): void =>
    this.writer.counter(families.retriesRefused, [exchange.record.upstreamName]).add();

  readonly onHedge = (exchange: Exchange, result: HedgeResult): void =>
    this.writer.counter(families.hedges, [exchange.record.upstreamName, result]).add();

  readonly onTunnel = (exchange: Recorded, delta: 1 | -1): void =>
    this.#metrics.tunnels(exchange.record.routeName, exchange.record.upstreamName).add(delta);

  readonly onConnected = (endpointUrl: string): void => this.#failures.noteConnected(endpointUrl);
}

/** What a warning about short descriptors is about; also recognized by the other threads that are told of it. */
export function shortageSubjectOf(listenerName: string): string {
  return `listener ${listenerName}`;
}
