/** What a fault did to the clients of one proxy, from the records of the load and the proxy's counts. */
import type { ProxyCounts } from "./proxies/chaos-proxy.ts";
import type { RequestRecord } from "./steady-load.ts";

/** When what happened, in milliseconds on the clock of the records. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The time of one scenario. */
export interface Timeline {
  readonly before: Span;
  readonly during: Span;
  /** The part of `during` in which the fault is old news: its last four seconds. */
  readonly settled: Span;
  readonly after: Span;
}

/** What a scenario came to, for one proxy. */
export interface Outcome {
  readonly requests: number;
  /** What clients saw other than complete good answers, by kind, over the whole scenario. */
  readonly errors: Readonly<Record<string, number>>;
  readonly errorCount: number;
  readonly attempts: number;
  readonly retries: number;
  readonly takenOut: number;
  /**
   * Attempts for each request, while the fault lasted; as the endpoints counted if they were alive, else as the
   * proxy says.
   */
  readonly attemptsPerRequest: number | null;
  /** 99th percentiles in milliseconds, of all requests whatever became of them; null if there was none. */
  readonly p99: {
    readonly before: number | null;
    readonly during: number | null;
    readonly settled: number | null;
    readonly after: number | null;
  };
  /** 99th percentile of the time that errors took, in milliseconds. */
  readonly errorP99: number | null;
  /** Seconds from the end of the fault to the last error; 0 = none after it. */
  readonly lastErrorAfter: number;
}

/** Puts an outcome together. @param counts before and after the scenario */
export function toOutcome(
  records: readonly RequestRecord[],
  timeline: Timeline,
  counts: readonly [ProxyCounts, ProxyCounts],
  attemptsPerRequest: number | null,
): Outcome {
  const inSpan = ({ fromMs, toMs }: Span): RequestRecord[] =>
    records.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
  const whole = inSpan({ fromMs: timeline.before.fromMs, toMs: timeline.after.toMs });
  const failed = whole.filter(({ kind }) => kind !== "ok");
  const errors: Record<string, number> = {};
  for (const { kind } of failed) errors[kind] = (errors[kind] ?? 0) + 1;
  const p99 = (span: Span): number | null =>
    percentile(
      inSpan(span).map(({ durationMs }) => durationMs),
      0.99,
    );
  const lastError = failed.filter(({ startMs }) => startMs >= timeline.after.fromMs).at(-1);
  const [start, end] = counts;
  return {
    requests: whole.length,
    errors,
    errorCount: failed.length,
    attempts: end.attempts - start.attempts,
    retries: end.retries - start.retries,
    takenOut: end.takenOut - start.takenOut,
    attemptsPerRequest,
    p99: {
      before: p99(timeline.before),
      during: p99(timeline.during),
      settled: p99(timeline.settled),
      after: p99(timeline.after),
    },
    errorP99: percentile(
      failed.map(({ durationMs }) => durationMs),
      0.99,
    ),
    lastErrorAfter: lastError === undefined ? 0 : (lastError.startMs - timeline.after.fromMs) / 1000,
  };
}

/** The value below which `share` of the values are (nearest rank); null if there is none. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
