/**
 * Which shared regions a configuration needs. The control thread makes them before the configuration goes to the
 * threads, which find them by key; a feature adds a function to the list.
 */
import { HeldMemory } from "../base/held-memory.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import { reserveCaches } from "../cache/reserve-caches.ts";
import type { Config } from "../config/schema.ts";
import { findExchangedCounts } from "../middleware/find-exchanged-counts.ts";
import { reserveForMiddlewares } from "../middleware/reserve.ts";
import { reserveBreaker } from "../upstream/circuit-breaker.ts";
import { EjectionRecord } from "../upstream/ejection-record.ts";
import { EndpointState } from "../upstream/endpoint-state.ts";
import { reserveStickySecret } from "../upstream/affinity/sticky-secret.ts";
import { hasLimits, reserveSaturation } from "../upstream/saturation.ts";
import { reserveRetryBudget } from "../upstream/retry-budget.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { cachePlacesOf } from "./cache-places.ts";
import { ConnectionCount } from "./connection-count.ts";

/** Makes a feature's regions for `config`, or finds them. The control thread counts in none of them. */
type ReserveRegions = (config: Config, memory: SharedMemory, stripes: number) => readonly ReservedRegion[];

const features: readonly ReserveRegions[] = [
  (_config, memory, stripes) => [HeldMemory.reserve(memory, stripes)],
  (config, memory, stripes) => config.listeners.map(({ name }) => ConnectionCount.reserve(memory, name, stripes)),
  (config, memory, stripes) => reserveForMiddlewares(config.routes, { memory, stripes }),
  (config, memory, stripes) => reserveCaches(cachePlacesOf(config), { memory, stripes }),
  (config, memory) => findExchangedCounts(config.routes, config.stores).flatMap((counts) => counts.reserve(memory)),
  (config, memory) =>
    Object.values(config.upstreams).some(
      ({ sticky }) => sticky !== null && "cookie" in sticky && sticky.cookie.secret === null,
    )
      ? [reserveStickySecret(memory)]
      : [],
];

/** An upstream, and where its regions are. */
interface UpstreamPlace {
  readonly memory: SharedMemory;
  readonly stripes: number;
  readonly name: string;
  readonly urls: readonly string[];
  readonly options: UpstreamOptions;
}

const upstreamFeatures: readonly ((place: UpstreamPlace) => readonly ReservedRegion[])[] = [
  reserveEndpoints,
  ({ memory, name, stripes, options: { retry, hedge } }) =>
    retry.attempts > 0 || hedge !== null ? reserveRetryBudget(memory, name, stripes) : [],
  ({ memory, name, urls, stripes, options: { limits } }) =>
    hasLimits(limits) ? reserveSaturation(memory, name, urls, stripes) : [],
  ({ memory, name, stripes, options: { breaker } }) =>
    breaker === null ? [] : reserveBreaker(memory, name, breaker, stripes),
  ({ memory, name, urls, options: { outlier } }) =>
    outlier === null ? [] : urls.map((url) => EjectionRecord.reserve(memory, name, url)),
];

function reserveEndpoints({ memory, name: upstreamName, urls, stripes }: UpstreamPlace): ReservedRegion[] {
  const upstream = UpstreamState.open(memory, upstreamName);
  const endpoints = urls.map((url): ReservedRegion => {
    const state = EndpointState.open(memory, { upstreamName, url, stripeIndex: -1, stripes, upstream });
    return {
      key: EndpointState.key(upstreamName, url),
      clearStripe: (stripeIndex) => state.clearStripe(stripeIndex),
      isCounting: () => state.inFlight > 0,
    };
  });
  return [{ key: UpstreamState.key(upstreamName), clearStripe: null }, ...endpoints];
}

/** The regions of everything that `config` uses, but for its upstreams. */
export function reserveRegions(config: Config, memory: SharedMemory, stripes: number): readonly ReservedRegion[] {
  return features.flatMap((reserve) => reserve(config, memory, stripes));
}

/** The regions of an upstream with the endpoints `urls`. */
export function reserveUpstream(
  name: string,
  options: UpstreamOptions,
  urls: readonly string[],
  { memory, stripes }: Pick<UpstreamPlace, "memory" | "stripes">,
): readonly ReservedRegion[] {
  return upstreamFeatures.flatMap((reserve) => reserve({ memory, stripes, name, urls, options }));
}
