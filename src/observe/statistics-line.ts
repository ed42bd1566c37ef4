/**
 * The statistics line: every few seconds one line about all traffic, computed by the control thread from the metric
 * pages, so no thread is asked. Each line tells what happened in one interval. An interval in which no exchange ended
 * and as many are in flight as before has no line.
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { families } from "./families.ts";
import type { MetricReader } from "./metric-reader.ts";
import { estimateQuantile } from "./quantile.ts";

/** What the statistics line is made of. */
export interface StatisticsLineOptions {
  readonly reader: MetricReader;
  /** Milliseconds between lines. */
  readonly intervalMs: number;
  /** Takes the line as people read it (`stats requests=…`, with its line feed) and what it tells. */
  readonly write: (line: string, statistics: Statistics) => void;
  readonly clock?: Clock;
}

/**
 * What happened in an interval. Latencies are null if there was nothing to measure.
 *
 * @example
 * ```ts
 * import { createProxy, type Statistics } from "millrace";
 *
 * const report = (line: string, { requestsPerSecond, p99Ms }: Statistics): void =>
 *   console.log(line, requestsPerSecond, p99Ms ?? "-");
 * const proxy = await createProxy(
 *   { listeners: [{ address: ":8080" }], routes: [{ respond: {} }], log: { stats: "10s" } },
 *   { onStatisticsLine: report },
 * );
 * ```
 */
export interface Statistics {
  /** Exchanges that ended. */
  readonly requests: number;
  /** Of these, answered with 5xx. */
  readonly errors: number;
  readonly requestsPerSecond: number;
  readonly averageMs: number | null;
  /** Estimated from the buckets of the histogram. */
  readonly p99Ms: number | null;
  /** Exchanges that have not ended. */
  readonly inFlight: number;
  /** Open client connections. */
  readonly connections: number;
}

interface Totals {
  readonly atMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly inFlight: number;
  readonly durations: Float64Array;
}

const isServerError = (labels: string): boolean => /(?:^|,)code="5\d\d"$/.test(labels);

/** Prints the line. One a process; `start` it, and `close` it when done. */
export class StatisticsLine {
  readonly #options: StatisticsLineOptions;
  readonly #clock: Clock;
  #before: Totals;
  #interval: NodeJS.Timeout | null = null;

  constructor(options: StatisticsLineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#before = this.#read();
  }

  /** Begins to print; the interval does not keep the process alive. */
  start(): void {
    this.#interval ??= setInterval(() => this.print(), this.#options.intervalMs).unref();
  }

  close(): void {
    if (this.#interval !== null) clearInterval(this.#interval);
    this.#interval = null;
  }

  /** Prints what happened since the last call, unless nothing did. */
  print(): void {
    const before = this.#before;
    const now = this.#read();
    this.#before = now;
    if (now.requests === before.requests && now.inFlight === before.inFlight) return;
    const statistics = this.#compare(before, now);
    this.#options.write(formatStatistics(statistics), statistics);
  }

  #compare(before: Totals, now: Totals): Statistics {
    const requests = now.requests - before.requests;
    const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
    const durations = now.durations.map((value, at) => value - (before.durations[at] ?? 0));
    const bounds = families.requestDuration.bounds;
    const observed = durations.subarray(0, bounds.length + 1).reduce((sum, value) => sum + value, 0);
    const average = observed === 0 ? null : (durations[bounds.length + 1] ?? 0) / observed;
    const p99 = estimateQuantile(bounds, durations.subarray(0, bounds.length + 1), 0.99);
    return {
      requests,
      errors: now.errors - before.errors,
      requestsPerSecond: round(requests / seconds, 10),
      averageMs: toMs(average),
      p99Ms: toMs(p99),
      inFlight: now.inFlight,
      connections: this.#options.reader.total(families.connections)[0] ?? 0,
    };
  }

  #read(): Totals {
    const { reader } = this.#options;
    return {
      atMs: this.#clock.now(),
      requests: reader.total(families.requests)[0] ?? 0,
      errors: reader.total(families.requests, isServerError)[0] ?? 0,
      inFlight: reader.total(families.requestsInFlight)[0] ?? 0,
      durations: reader.total(families.requestDuration),
    };
  }
}

const round = (value: number, steps: number): number => Math.round(value * steps) / steps;

const toMs = (seconds: number | null): number | null => (seconds === null ? null : round(seconds * 1000, 1000));

function formatStatistics({
  requests,
  errors,
  requestsPerSecond,
  averageMs,
  p99Ms,
  inFlight,
  connections,
}: Statistics): string {
  return (
    `stats requests=${requests} errors=${errors} req/s=${requestsPerSecond.toFixed(1)} avg=${formatLatency(averageMs)} p99=${formatLatency(p99Ms)}` +
    ` in_flight=${inFlight} connections=${connections}\n`
  );
}

/** Milliseconds as people read latency: `0.31ms`, `12.5ms`, `2.10s`; `-` if there was nothing to measure. */
function formatLatency(ms: number | null): string {
  if (ms === null) return "-";
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)}s`;
  return `${ms.toFixed(ms >= 10 ? 1 : 2)}ms`;
}
