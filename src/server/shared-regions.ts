/**
 * Which shared regions the features of a configuration need beside those of endpoints and listeners. The control thread makes them before a configuration goes to the
 * threads, which find them by key; a feature adds a function to the list.
 */
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import { reserveBreaker } from "../upstream/circuit-breaker.ts";
import { EjectionRecord } from "../upstream/ejection-record.ts";
import { reserveStickySecret } from "../upstream/affinity/sticky-secret.ts";
import { hasLimits, reserveSaturation } from "../upstream/saturation.ts";
import { reserveRetryBudget } from "../upstream/retry-budget.ts";

/** Makes a feature's regions for `config`, or finds them. */
type ReserveRegions = (config: Config, memory: SharedMemory, stripes: number) => readonly ReservedRegion[];

const features: readonly ReserveRegions[] = [
  (config, memory, stripes) => Object.entries(config.upstreams).flatMap(([name, { retry, hedge }]) => (retry.attempts > 0 || hedge !== null ? reserveRetryBudget(memory, name, stripes) : [])),
  (config, memory, stripes) => Object.entries(config.upstreams).flatMap(([name, { limits, endpoints }]) => (hasLimits(limits) ? reserveSaturation(memory, name, endpoints.map(({ url }) => url), stripes) : [])),
  (config, memory, stripes) => Object.entries(config.upstreams).flatMap(([name, { breaker }]) => (breaker === null ? [] : reserveBreaker(memory, name, breaker, stripes))),
  (config, memory) => Object.entries(config.upstreams).flatMap(([name, { outlier, endpoints }]) => (outlier === null ? [] : endpoints.map(({ url }) => EjectionRecord.reserve(memory, name, url)))),
  (config, memory) => (Object.values(config.upstreams).some(({ sticky }) => sticky !== null && "cookie" in sticky && sticky.cookie.secret === null) ? [reserveStickySecret(memory)] : []),
];

/** The regions of every feature that `config` uses. */
export function reserveFeatureRegions(config: Config, memory: SharedMemory, stripes: number): readonly ReservedRegion[] {
  return features.flatMap((reserve) => reserve(config, memory, stripes));
}
