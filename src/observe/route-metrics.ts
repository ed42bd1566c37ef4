/**
 * What is counted for one route of one listener. Series are resolved when they are first needed and cached by small
 * keys, so that counting costs no text.
 */
import type { Exchange } from "../http/exchange.ts";
import { reasons } from "../http/reason.ts";
import { families, noLabelValue } from "./families.ts";
import type { Counter, Histogram } from "./instruments.ts";
import { goneLabelValue, type LabelNames } from "./label-names.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** Methods that get a label value of their own (RFC 9110 section 9.3, and PATCH); the rest are `OTHER`. */
const methodNames = ["OTHER", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] as const;
const methodIndex = new Map<string, number>(methodNames.map((name, at) => [name, at]));

class UpstreamCounts {
  readonly name: string;
  readonly label: string;
  /** By method index * 1000 + status. */
  readonly requests = new Map<number, Counter>();
  readonly failures = new Map<string, Counter>();
  // Of the last request: the next one is often like it.
  lastMethod = "";
  lastStatus = -1;
  lastRequests: Counter | null = null;

  constructor(name: string, label: string) {
    this.name = name;
    this.label = label;
  }
}

/** One thread's counts for one (listener, route). */
export class RouteMetrics {
  readonly #writer: MetricWriter;
  readonly #names: LabelNames | null;
  /** Which listener and route are counted. */
  readonly listenerName: string;
  readonly routeName: string;
  readonly #listenerLabel: string;
  readonly #routeLabel: string;
  readonly #duration: Histogram;
  readonly #requestBytes: Counter;
  readonly #responseBytes: Counter;
  readonly #upstreams = new Map<string, UpstreamCounts>();
  readonly #rejected = new Map<string, Counter>();
  #latest: UpstreamCounts | null = null;

  /** @param names what may be named; null = everything. @param routeName empty = no route matched. */
  constructor(writer: MetricWriter, names: LabelNames | null, listenerName: string, routeName: string) {
    this.#writer = writer;
    this.#names = names;
    this.listenerName = listenerName;
    this.routeName = routeName;
    this.#listenerLabel = names?.hasListener(listenerName) === false ? goneLabelValue : listenerName;
    this.#routeLabel =
      routeName === "" ? noLabelValue : names?.hasRoute(routeName) === false ? goneLabelValue : routeName;
    const labels = [this.#listenerLabel, this.#routeLabel];
    this.#duration = writer.histogram(families.requestDuration, labels);
    this.#requestBytes = writer.counter(families.requestBytes, labels);
    this.#responseBytes = writer.counter(families.responseBytes, labels);
  }

  /** Counts an exchange that ended. */
  record(exchange: Exchange): void {
    const { record } = exchange;
    let upstream = this.#latest;
    if (upstream === null || upstream.name !== record.upstreamName) upstream = this.#upstream(record.upstreamName);
    const { method } = exchange.request;
    let requests = upstream.lastRequests;
    if (requests === null || upstream.lastStatus !== record.status || upstream.lastMethod !== method) {
      const key = (methodIndex.get(method) ?? 0) * 1000 + record.status;
      requests = upstream.requests.get(key) ?? this.#addRequests(upstream, key);
      // Only usual methods, which are constants: a stranger's is a part of its head.
      if (methodIndex.has(method)) {
        upstream.lastMethod = method;
        upstream.lastStatus = record.status;
        upstream.lastRequests = requests;
      }
    }
    requests.add(1);
    if (record.status !== 101 && record.startedMs >= 0 && record.endedMs >= 0)
      this.#duration.observe((record.endedMs - record.startedMs) / 1000);
    if (record.requestBodyBytes !== 0) this.#requestBytes.add(record.requestBodyBytes);
    if (record.responseBodyBytes !== 0) this.#responseBytes.add(record.responseBodyBytes);
    if (record.reason !== null) this.#recordReason(upstream, record.reason);
  }

  #recordReason(upstream: UpstreamCounts, reason: keyof typeof reasons): void {
    const { side, status } = reasons[reason];
    const isRefusal = side === "downstream" && status !== 499;
    const counters = isRefusal ? this.#rejected : upstream.failures;
    let counter = counters.get(reason);
    if (counter === undefined) {
      counter = isRefusal
        ? this.#writer.counter(families.rejected, [this.#listenerLabel, reason])
        : this.#writer.counter(families.failures, [this.#listenerLabel, this.#routeLabel, upstream.label, reason]);
      counters.set(reason, counter);
    }
    counter.add(1);
  }

  #upstream(name: string): UpstreamCounts {
    let upstream = this.#upstreams.get(name);
    if (upstream === undefined) {
      upstream = new UpstreamCounts(
        name,
        name === "" ? noLabelValue : this.#names?.hasUpstream(name) === false ? goneLabelValue : name,
      );
      this.#upstreams.set(name, upstream);
    }
    this.#latest = upstream;
    return upstream;
  }

  #addRequests(upstream: UpstreamCounts, key: number): Counter {
    const counter = this.#writer.counter(families.requests, [
      this.#listenerLabel,
      this.#routeLabel,
      upstream.label,
      methodNames[Math.floor(key / 1000)] ?? "OTHER",
      String(key % 1000),
    ]);
    upstream.requests.set(key, counter);
    return counter;
  }
}
