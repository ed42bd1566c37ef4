/**
 * The statistics line: every few seconds one line about all traffic, computed by the control thread from the metric pages, so no thread is asked.
 * Each line tells the difference to the line before. Nothing is printed before the first request; from then on every line is, idle or not, so that
 * a gap in the log means that the process stood still.
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { families } from "./families.ts";
import type { MetricReader } from "./metric-reader.ts";
import { estimateQuantile } from "./quantile.ts";

export interface StatisticsLineOptions {
  readonly reader: MetricReader;
  /** Milliseconds between lines. */
  readonly intervalMs: number;
  /** Takes a complete line. */
  readonly write: (line: string) => void;
  readonly clock?: Clock;
}

interface Totals {
  readonly atMs: number;
  readonly requests: number;
  readonly errors: number;
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

  /** Prints what happened since the last call, unless there never was a request. */
  print(): void {
    const now = this.#read();
    if (now.requests > 0) this.#options.write(this.#format(this.#before, now));
    this.#before = now;
  }

  #format(before: Totals, now: Totals): string {
    const { reader } = this.#options;
    const requests = now.requests - before.requests;
    const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
    const durations = now.durations.map((value, at) => value - (before.durations[at] ?? 0));
    const bounds = families.requestDuration.bounds;
    const observed = durations.subarray(0, bounds.length + 1).reduce((sum, value) => sum + value, 0);
    const average = observed === 0 ? null : (durations[bounds.length + 1] ?? 0) / observed;
    const p99 = estimateQuantile(bounds, durations.subarray(0, bounds.length + 1), 0.99);
    return `stats requests=${requests} errors=${now.errors - before.errors} req/s=${(requests / seconds).toFixed(1)} avg=${formatLatency(average)} p99=${formatLatency(p99)}`
      + ` in_flight=${reader.total(families.requestsInFlight)[0]} connections=${reader.total(families.connections)[0]}\n`;
  }

  #read(): Totals {
    const { reader } = this.#options;
    return {
      atMs: this.#clock.now(),
      requests: reader.total(families.requests)[0] ?? 0,
      errors: reader.total(families.requests, isServerError)[0] ?? 0,
      durations: reader.total(families.requestDuration),
    };
  }
}

/** Seconds as people read latency: `0.31ms`, `12.5ms`, `2.10s`; `-` where there was nothing to measure. */
function formatLatency(seconds: number | null): string {
  if (seconds === null) return "-";
  const ms = seconds * 1000;
  if (ms >= 1000) return `${seconds.toFixed(2)}s`;
  return `${ms.toFixed(ms >= 10 ? 1 : 2)}ms`;
}
