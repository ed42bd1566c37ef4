/**
 * What one thread counts about exchanges: called once at the end of each, at a cost of about 100 ns
 * (`bench/micro/metrics.ts`). Nothing here is keyed by what a client sent, except methods and status codes, which come
 * from closed sets.
 */
import type { Exchange } from "../http/exchange.ts";
import type { Recorded } from "../http/exchange-record.ts";
import type { ReasonCode } from "../http/reason.ts";
import { EndpointMetrics } from "./endpoint-metrics.ts";
import { families, noLabelValue } from "./families.ts";
import type { Counter, Gauge } from "./instruments.ts";
import { goneLabelValue, type LabelNames } from "./label-names.ts";
import type { MetricWriter } from "./metric-writer.ts";
import type { ObservedSession } from "./observed-session.ts";
import { RouteMetrics } from "./route-metrics.ts";
import { countSession } from "./session-metrics.ts";

/** One thread's instruments for one listener; its `Listener` holds it. */
export class ListenerMetrics {
  /** Exchanges in flight: +1 when one begins, -1 when it ends. */
  readonly inFlight: Gauge;
  /** Open connections: +1 when accepted, -1 when closed. */
  readonly connections: Gauge;
  readonly accepted: Counter;
  /** Connections closed at once because of the limit of the listener. */
  readonly refused: Counter;
  /** Connections closed at once because the client had reset them. */
  readonly reset: Counter;
  /** Connections closed at once because descriptors are short. */
  readonly short: Counter;
  /** Connections closed because their PROXY header was missing, malformed or late. */
  readonly headerless: Counter;
  readonly #writer: MetricWriter;
  readonly #listenerName: string;
  /** By version and result. */
  readonly #handshakes = new Map<string, Counter>();

  constructor(writer: MetricWriter, listenerName: string) {
    this.#writer = writer;
    this.#listenerName = listenerName;
    this.inFlight = writer.gauge(families.requestsInFlight, [listenerName]);
    this.connections = writer.gauge(families.connections, [listenerName]);
    this.accepted = writer.counter(families.connectionsAccepted, [listenerName]);
    this.refused = writer.counter(families.connectionsRefused, [listenerName, "limit"]);
    this.reset = writer.counter(families.connectionsRefused, [listenerName, "reset"]);
    this.short = writer.counter(families.connectionsRefused, [listenerName, "descriptors"]);
    this.headerless = writer.counter(families.connectionsRefused, [listenerName, "proxy-header"]);
  }

  /** Counts a TLS handshake. @param version `_none` if it failed */
  countHandshake(version: string, result: string): void {
    const key = `${version} ${result}`;
    let handshakes = this.#handshakes.get(key);
    if (handshakes === undefined) {
      handshakes = this.#writer.counter(families.tlsHandshakes, [this.#listenerName, version, result]);
      this.#handshakes.set(key, handshakes);
    }
    handshakes.add(1);
  }

  /** Counts a connection that was ended because what came over TLS carried no data. */
  countTlsFlood(): void {
    this.#writer.counter(families.tlsFloods, [this.#listenerName]).add(1);
  }
}

/** One thread's exchange metrics. Lives across reloads: counters go on. */
export class ExchangeMetrics {
  readonly #writer: MetricWriter;
  readonly #listeners = new Map<string, ListenerMetrics>();
  readonly #routes = new Map<string, Map<string, RouteMetrics>>();
  readonly #endpoints = new Map<string, Map<string, EndpointMetrics>>();
  readonly #retries = new Map<string, Counter>();
  readonly #tunnels = new Map<string, Gauge>();
  /** Null = every name may be used. */
  #names: LabelNames | null = null;
  // Those of the last exchange: the next one is often like it.
  #lastRoute: RouteMetrics | null = null;
  #lastEndpoint: EndpointMetrics | null = null;

  constructor(writer: MetricWriter) {
    this.#writer = writer;
  }

  /**
   * From now on only `names` are counted, others under `_gone`; the series of others are let go, and their room is free
   * for new ones.
   */
  adopt(names: LabelNames): void {
    this.#names = names;
    this.#writer.forget((family, labelValues) => names.has(family, labelValues));
    // All are looked up again: those that had no room may have it now.
    this.#lastRoute = null;
    this.#lastEndpoint = null;
    for (const cache of [this.#routes, this.#endpoints, this.#retries, this.#tunnels]) cache.clear();
    for (const name of this.#listeners.keys()) if (!names.hasListener(name)) this.#listeners.delete(name);
  }

  /** The instruments of a listener; the same object for the same name. */
  listener(listenerName: string): ListenerMetrics {
    let listener = this.#listeners.get(listenerName);
    if (listener === undefined) {
      listener = new ListenerMetrics(this.#writer, listenerName);
      this.#listeners.set(listenerName, listener);
    }
    return listener;
  }

  /** Counts an exchange that ended, and its last attempt. Exactly once an exchange. */
  record(exchange: Exchange): void {
    const { listenerName, record } = exchange;
    let route = this.#lastRoute;
    if (route === null || route.listenerName !== listenerName || route.routeName !== record.routeName) {
      route = this.#routes.get(listenerName)?.get(record.routeName) ?? this.#addRoute(exchange);
      this.#lastRoute = route;
    }
    route.record(exchange);
    if (record.attempts > 0 && record.endpointName !== "")
      this.#recordAttempt(exchange, record.reason ?? record.status);
  }

  /** Counts a session of a TCP listener that ended, and its last attempt. Exactly once a session. */
  recordSession(session: ObservedSession): void {
    const { record } = session;
    countSession(this.#writer, this.#names, session);
    if (record.attempts > 0 && record.endpointName !== "") this.#recordAttempt(session, record.reason ?? record.status);
  }

  /**
   * Counts an attempt that failed and is followed by another; call it before the record is set for the next
   * attempt.
   */
  recordRetry(exchange: Recorded, reason: ReasonCode | number): void {
    this.#recordAttempt(exchange, reason);
    const key = `${exchange.record.upstreamName} ${reason}`;
    let retries = this.#retries.get(key);
    if (retries === undefined) {
      retries = this.#writer.counter(families.retries, [
        this.#names?.hasUpstream(exchange.record.upstreamName) === false
          ? goneLabelValue
          : exchange.record.upstreamName,
        String(reason),
      ]);
      this.#retries.set(key, retries);
    }
    retries.add(1);
  }

  /** The gauge of open tunnels of a route and upstream: +1 when one opens, -1 when it closes. */
  tunnels(routeName: string, upstreamName: string): Gauge {
    const key = `${routeName}\n${upstreamName}`;
    let tunnels = this.#tunnels.get(key);
    if (tunnels === undefined) {
      tunnels = this.#writer.gauge(families.tunnels, [
        routeName === "" ? noLabelValue : routeName,
        upstreamName === "" ? noLabelValue : upstreamName,
      ]);
      this.#tunnels.set(key, tunnels);
    }
    return tunnels;
  }

  #recordAttempt(exchange: Recorded, code: number | ReasonCode): void {
    const { upstreamName, endpointName, firstByteMs, attemptStartedMs } = exchange.record;
    let endpoint = this.#lastEndpoint;
    if (endpoint === null || endpoint.endpointName !== endpointName || endpoint.upstreamName !== upstreamName) {
      endpoint = this.#endpoints.get(upstreamName)?.get(endpointName) ?? this.#addEndpoint(exchange);
      this.#lastEndpoint = endpoint;
    }
    endpoint.record(code, firstByteMs >= 0 && attemptStartedMs >= 0 ? firstByteMs - attemptStartedMs : -1);
  }

  #addRoute(exchange: Exchange): RouteMetrics {
    const route = new RouteMetrics(this.#writer, this.#names, exchange.listenerName, exchange.record.routeName);
    const routes = this.#routes.get(exchange.listenerName) ?? new Map<string, RouteMetrics>();
    routes.set(exchange.record.routeName, route);
    this.#routes.set(exchange.listenerName, routes);
    return route;
  }

  #addEndpoint(exchange: Recorded): EndpointMetrics {
    const { upstreamName, endpointName } = exchange.record;
    const names = this.#names;
    const endpoint = new EndpointMetrics(this.#writer, {
      upstreamName,
      endpointName,
      upstreamLabel: names?.hasUpstream(upstreamName) === false ? goneLabelValue : upstreamName,
      endpointLabel: names?.hasEndpoint(upstreamName, endpointName) === false ? goneLabelValue : endpointName,
    });
    const endpoints = this.#endpoints.get(exchange.record.upstreamName) ?? new Map<string, EndpointMetrics>();
    endpoints.set(exchange.record.endpointName, endpoint);
    this.#endpoints.set(exchange.record.upstreamName, endpoints);
    return endpoint;
  }
}
