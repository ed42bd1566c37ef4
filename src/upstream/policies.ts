/**
 * What an upstream does about failure, as the attempt loop uses it; made once per configuration and thread. Null = not
 * configured, and then it costs nothing.
 */
import { sharedClock } from "../base/shared-clock.ts";
import { systemScheduler } from "../base/scheduler.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import { families } from "../observe/families.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { AttemptObserver } from "./attempt-observer.ts";
import type { BreakerOptions } from "./breaker-options.ts";
import { BreakerPosition } from "./breaker-state.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamOptions } from "./options.ts";
import { OutlierDetector } from "./outlier-detector.ts";
import type { OutlierOptions } from "./outlier-options.ts";
import { hasLimits, Saturation } from "./saturation.ts";
import { RetryBudget } from "./retry-budget.ts";

/** The breaker, the limits, the budget and the observers of one upstream in one thread; null = not configured. */
export interface UpstreamPolicies {
  /** Told of every attempt. */
  readonly observers: readonly AttemptObserver[];
  /** Null = neither retries nor hedges. */
  readonly retryBudget: RetryBudget | null;
  /** One of the observers, too. */
  readonly breaker: CircuitBreaker | null;
  /** Null = no limits. */
  readonly saturation: Saturation | null;
}

/** An upstream that does nothing about failure. */
export const noPolicies: UpstreamPolicies = { observers: [], retryBudget: null, breaker: null, saturation: null };

/** What policies are made from. */
export interface PolicyParts {
  readonly upstreamName: string;
  readonly options: Pick<UpstreamOptions, "retry" | "outlier" | "breaker" | "limits" | "hedge">;
  readonly endpoints: readonly Endpoint[];
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly metrics: MetricWriter;
  readonly logger: Logger;
  /** Those of the upstream of the same name in the runtime that is replaced, or null. */
  readonly previous: UpstreamPolicies | null;
}

export function createPolicies(parts: PolicyParts): UpstreamPolicies {
  const { options } = parts;
  const observers: AttemptObserver[] = [];
  if (options.outlier !== null && parts.endpoints.length > 1)
    observers.push(createOutlierDetector(parts, options.outlier));
  const breaker = options.breaker === null ? null : createBreaker(parts, options.breaker);
  if (breaker !== null) observers.push(breaker);
  const saturation = hasLimits(options.limits) ? createSaturation(parts) : null;
  if (saturation !== null && saturation.adaptive !== null) observers.push(saturation.adaptive);
  return {
    observers,
    saturation,
    breaker,
    retryBudget:
      options.retry.attempts > 0 || options.hedge !== null
        ? new RetryBudget({ ...parts, percent: options.retry.budgetPercent })
        : null,
  };
}

function createOutlierDetector(
  { upstreamName, endpoints, memory, metrics, logger }: PolicyParts,
  options: OutlierOptions,
): OutlierDetector {
  return new OutlierDetector({
    upstreamName,
    options,
    endpoints,
    memory,
    onEject(endpoint, durationMs) {
      metrics.counter(families.ejections, [upstreamName, endpoint.name]).add();
      logger.warn("endpoint is ejected", {
        upstream: upstreamName,
        endpoint: endpoint.name,
        failures: options.consecutiveErrors,
        seconds: durationMs / 1000,
      });
    },
    onReturn: (endpoint) =>
      logger.info("endpoint is no longer ejected", {
        upstream: upstreamName,
        endpoint: endpoint.name,
        cause: "all others fail",
      }),
  });
}

const positionNames = {
  [BreakerPosition.closed]: "closed",
  [BreakerPosition.open]: "open",
  [BreakerPosition.halfOpen]: "half-open",
} as const;

function createBreaker(parts: PolicyParts, options: BreakerOptions): CircuitBreaker {
  const { upstreamName, metrics, logger } = parts;
  return new CircuitBreaker({
    ...parts,
    options,
    onMove(to) {
      const name = positionNames[to];
      metrics.counter(families.breakerMoves, [upstreamName, name]).add();
      logger[to === BreakerPosition.open ? "warn" : "info"](`breaker is ${name}`, { upstream: upstreamName });
    },
  });
}

function createSaturation(parts: PolicyParts): Saturation {
  const {
    options: { limits },
    upstreamName,
    metrics,
  } = parts;
  const gauge = limits.adaptive === null ? null : metrics.gauge(families.adaptiveLimit, [upstreamName]);
  return new Saturation({
    ...parts,
    options: limits,
    previous: parts.previous?.saturation ?? null,
    scheduler: systemScheduler,
    clock: sharedClock,
    onAdaptiveLimit: (limit) => gauge?.set(limit),
  });
}
