/**
 * What an upstream does about failure, as the attempt loop uses it; made once per configuration and thread. Null = not
 * configured, and then it costs nothing.
 */
import type { Clock } from "../base/clock.ts";
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
  /**
   * The same for another list of endpoints: budget, breaker and limits go on, also for attempts at endpoints that are no
   * longer in the list.
   */
  forEndpoints(endpoints: readonly Endpoint[]): UpstreamPolicies;
}

/** An upstream that does nothing about failure. */
export const noPolicies: UpstreamPolicies = {
  observers: [],
  retryBudget: null,
  breaker: null,
  saturation: null,
  forEndpoints: () => noPolicies,
};

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
  /** On the scale of all threads. */
  readonly clock: Clock;
  /** Those of the upstream of the same name in the runtime that is replaced, or null. */
  readonly previous: UpstreamPolicies | null;
}

/** What of an upstream's policies does not depend on its endpoints. */
type KeptPolicies = Pick<UpstreamPolicies, "retryBudget" | "breaker" | "saturation">;

/** What an upstream does about failure, by its options. */
export function createPolicies({ previous, ...parts }: PolicyParts): UpstreamPolicies {
  const { options } = parts;
  const kept: KeptPolicies = {
    breaker: options.breaker === null ? null : createBreaker(parts, options.breaker),
    saturation: hasLimits(options.limits) ? createSaturation(parts, previous?.saturation ?? null) : null,
    retryBudget:
      options.retry.attempts > 0 || options.hedge !== null
        ? new RetryBudget({ ...parts, percent: options.retry.budgetPercent })
        : null,
  };
  return assemble(parts, kept, null);
}

/** Everything that policies are made from but those before them: what lives on keeps these parts. */
type KeptParts = Omit<PolicyParts, "previous">;

/** @param previous that of the list before, or null */
function assemble(parts: KeptParts, kept: KeptPolicies, previous: OutlierDetector | null): UpstreamPolicies {
  const { outlier } = parts.options;
  const observers: AttemptObserver[] = [];
  const detector =
    outlier !== null && parts.endpoints.length > 1 ? createOutlierDetector(parts, outlier, previous) : null;
  if (detector !== null) observers.push(detector);
  if (kept.breaker !== null) observers.push(kept.breaker);
  if (kept.saturation !== null && kept.saturation.adaptive !== null) observers.push(kept.saturation.adaptive);
  return {
    ...kept,
    observers,
    forEndpoints(endpoints) {
      kept.saturation?.add(endpoints);
      return assemble({ ...parts, endpoints }, kept, detector);
    },
  };
}

function createOutlierDetector(
  { upstreamName, endpoints, memory, metrics, logger, clock }: KeptParts,
  options: OutlierOptions,
  previous: OutlierDetector | null,
): OutlierDetector {
  return new OutlierDetector({
    previous,
    upstreamName,
    options,
    endpoints,
    memory,
    clock,
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

function createBreaker(parts: KeptParts, options: BreakerOptions): CircuitBreaker {
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

function createSaturation(parts: KeptParts, previous: Saturation | null): Saturation {
  const {
    options: { limits },
    upstreamName,
    metrics,
  } = parts;
  const gauge = limits.adaptive === null ? null : metrics.gauge(families.adaptiveLimit, [upstreamName]);
  return new Saturation({
    ...parts,
    options: limits,
    previous,
    scheduler: systemScheduler,
    onAdaptiveLimit: (limit) => gauge?.set(limit),
  });
}
