/** What a metric family is, and how the registry (`families.ts`) writes one down. */

/** The types of metrics, as Prometheus calls them. */
export type MetricType = "counter" | "gauge" | "histogram";

/** A metric family. Counter names end in `_total`; units are base units (seconds, bytes) and part of the name. */
export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Label names, in the order in which label values are given. */
  readonly labels: readonly string[];
  readonly unit: "seconds" | "bytes" | null;
  /** Upper bounds of the buckets of a histogram, ascending, without `+Inf`; empty for other types. */
  readonly bounds: readonly number[];
}

/**
 * Bounds of every latency histogram, in seconds: OpenTelemetry's, widened below 5 ms, because a proxy in front of a
 * fast service lives there.
 */
export const latencyBounds: readonly number[] = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

type Unit = MetricFamily["unit"];

/** A counter. */
export const counter = (name: string, labels: readonly string[], help: string, unit: Unit = null): MetricFamily => ({
  name,
  type: "counter",
  help,
  labels,
  unit,
  bounds: [],
});
/** A gauge. */
export const gauge = (name: string, labels: readonly string[], help: string, unit: Unit = null): MetricFamily => ({
  name,
  type: "gauge",
  help,
  labels,
  unit,
  bounds: [],
});
/** A histogram of latencies. */
export const latency = (name: string, labels: readonly string[], help: string): MetricFamily => ({
  name,
  type: "histogram",
  help,
  labels,
  unit: "seconds",
  bounds: latencyBounds,
});
