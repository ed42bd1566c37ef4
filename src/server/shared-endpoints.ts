/**
 * The shared state of every endpoint as the control thread sees it. Made before a configuration goes to the threads, so
 * that all of them find the same regions.
 */
import type { SharedCount } from "../base/shared-count.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import { BreakerState } from "../upstream/breaker-state.ts";
import type { EjectionTarget } from "../upstream/ejection-keeper.ts";
import { EjectionRecord } from "../upstream/ejection-record.ts";
import { EndpointFlag, EndpointState } from "../upstream/endpoint-state.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";
import type { HealthTarget } from "../upstream/health/health-checker.ts";
import { hasLimits, openWaitingCount } from "../upstream/saturation.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { toEndpointSpecs } from "./runtime.ts";
import { reserveRegions } from "./shared-regions.ts";

/** An endpoint and the window on its state. */
export interface SharedEndpoint {
  readonly spec: EndpointSpec;
  readonly state: EndpointState;
}

/** The endpoints of an upstream as the control thread sees them. */
export type EndpointsOf = (upstream: string) => readonly SharedEndpoint[];

/** The endpoints of the running configuration. */
export class SharedEndpoints {
  readonly #memory: SharedMemory;
  readonly #stripes: number;
  #byUpstream = new Map<string, SharedEndpoint[]>();
  /** Of the running configuration. */
  #running: readonly ReservedRegion[] = [];
  /** Not needed any more, but requests that began under them are not over. */
  #leftOver: readonly ReservedRegion[] = [];
  /** Of the one that may take its place: while it goes to the threads, some have it already. */
  #reserved: readonly ReservedRegion[] = [];
  #breakers = new Map<string, BreakerState>();
  #waiting = new Map<string, SharedCount>();

  constructor(memory: SharedMemory, stripes: number) {
    this.#memory = memory;
    this.#stripes = stripes;
  }

  /** Makes the regions that `config` needs. What is there already stays as it is. `adopt` or `release` follows. */
  reserve(config: Config): void {
    this.#reserved = reserveRegions(config, this.#memory, this.#stripes);
    const left = new Set(this.#leftOver.map(({ key }) => key));
    for (const [upstream, endpoints] of this.#open(config)) {
      // One that was gone and is back: its requests still count, everything else that was known of it is forgotten.
      if (left.size > 0)
        for (const { spec, state } of endpoints) if (left.has(EndpointState.key(upstream, spec.url))) state.forget();
      markAdded(endpoints, this.of(upstream));
    }
  }

  /** Makes `config`, which was reserved, the running one: regions that it does not need are let go. */
  adopt(config: Config): void {
    const before = this.#byUpstream;
    this.#byUpstream = this.#open(config);
    for (const [upstream, endpoints] of this.#byUpstream) takeBackWeights(endpoints, before.get(upstream) ?? []);
    this.#breakers = new Map(
      Object.entries(config.upstreams).flatMap(([name, { breaker }]) =>
        breaker === null ? [] : [[name, BreakerState.open(this.#memory, name)]],
      ),
    );
    this.#waiting = new Map(
      Object.entries(config.upstreams).flatMap(([name, { limits }]) =>
        hasLimits(limits) ? [[name, openWaitingCount(this.#memory, name, this.#stripes)]] : [],
      ),
    );
    this.#leftOver = [...this.#leftOver, ...this.#running];
    this.#running = this.#reserved;
    this.release();
  }

  /**
   * Lets every region go that the running configuration does not need and that counts nothing: those reserved for one
   * that came to nothing among them.
   */
  release(): void {
    this.#reserved = [];
    const keys = new Set(this.#running.map(({ key }) => key));
    this.#leftOver = this.#leftOver.filter(({ key, isCounting }) => !keys.has(key) && isCounting?.() === true);
    for (const { key } of this.#leftOver) keys.add(key);
    this.#memory.prune((key) => keys.has(key));
  }

  get upstreamNames(): readonly string[] {
    return [...this.#byUpstream.keys()];
  }

  of(upstream: string): readonly SharedEndpoint[] {
    return this.#byUpstream.get(upstream) ?? [];
  }

  /** What may be ejected by outlier detection. */
  ejectionTargets(config: Config): EjectionTarget[] {
    return Object.entries(config.upstreams).flatMap(([upstream, { outlier }]) =>
      this.of(upstream).map(({ spec: { url }, state }) => ({
        upstream,
        endpoint: url,
        state,
        record: outlier === null ? null : EjectionRecord.open(this.#memory, upstream, url),
      })),
    );
  }

  /** What is to be checked actively. */
  healthTargets(config: Config): HealthTarget[] {
    return Object.entries(config.upstreams).flatMap(([upstream, { health }]) =>
      health === null
        ? []
        : this.of(upstream).map(({ spec, state }) => ({ upstream, endpoint: spec, options: health, state })),
    );
  }

  /** Takes a dead thread out of every count. */
  clearStripe(stripeIndex: number): void {
    for (const { clearStripe } of [...this.#running, ...this.#reserved, ...this.#leftOver]) clearStripe?.(stripeIndex);
  }

  readonly collect: MetricCollector = (add) => {
    for (const [upstream, waiting] of this.#waiting) add(families.pending, [upstream], waiting.total);
    for (const [upstream, breaker] of this.#breakers) add(families.breakerState, [upstream], breaker.position);
    for (const [upstream, endpoints] of this.#byUpstream) {
      for (const { spec, state } of endpoints) {
        add(families.endpointUp, [upstream, spec.url], state.isAdmitting ? 1 : 0);
        add(families.endpointEjected, [upstream, spec.url], state.hasFlag(EndpointFlag.ejected) ? 1 : 0);
        add(families.endpointInFlight, [upstream, spec.url], state.inFlight);
        add(families.endpointDraining, [upstream, spec.url], state.hasFlag(EndpointFlag.draining) ? 1 : 0);
        add(families.endpointWeight, [upstream, spec.url], state.weightOverride ?? spec.weight);
      }
    }
  };

  #open(config: Config): Map<string, SharedEndpoint[]> {
    return new Map(
      Object.entries(config.upstreams).map(([name, options]) => {
        const upstreamState = UpstreamState.open(this.#memory, name);
        return [
          name,
          toEndpointSpecs(options).map((spec) => ({
            spec,
            state: EndpointState.open(this.#memory, {
              upstreamName: name,
              url: spec.url,
              stripeIndex: -1,
              stripes: this.#stripes,
              upstream: upstreamState,
            }),
          })),
        ];
      }),
    );
  }
}

/** Endpoints that come to others which serve already may start slowly. */
function markAdded(endpoints: readonly SharedEndpoint[], before: readonly SharedEndpoint[]): void {
  const known = new Set(before.map(({ spec }) => spec.url));
  if (known.size > 0) for (const { spec, state } of endpoints) if (!known.has(spec.url)) state.markAdded();
}

/** A weight that was set at run time ends where the configuration says something new about it. */
function takeBackWeights(endpoints: readonly SharedEndpoint[], before: readonly SharedEndpoint[]): void {
  const weights = new Map(before.map(({ spec }) => [spec.url, spec.weight]));
  for (const { spec, state } of endpoints)
    if ((weights.get(spec.url) ?? spec.weight) !== spec.weight) state.weightOverride = null;
}
