/**
 * The shared state of every endpoint as the control thread sees it. Made before a configuration goes to the threads, so
 * that all of them find the same regions.
 */
import type { SharedCount } from "../base/shared-count.ts";
import type { ReservedRegion, SharedMemory, SharedSnapshot } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import { BreakerState } from "../upstream/breaker-state.ts";
import type { EjectionTarget } from "../upstream/ejection-keeper.ts";
import { EjectionRecord } from "../upstream/ejection-record.ts";
import { EndpointFlag, EndpointState } from "../upstream/endpoint-state.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";
import type { HealthTarget } from "../upstream/health/health-checker.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { hasLimits, openWaitingCount } from "../upstream/saturation.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import type { ListChange } from "./endpoint-lists.ts";
import { toEndpointSpecs } from "./endpoint-specs.ts";
import { reserveRegions, reserveUpstream } from "./shared-regions.ts";

/** An endpoint and the window on its state. */
export interface SharedEndpoint {
  readonly spec: EndpointSpec;
  readonly state: EndpointState;
}

/** An endpoint that may be ejected. */
interface EjectableEndpoint extends SharedEndpoint {
  /** Null if nothing ejects it. */
  readonly record: EjectionRecord | null;
}

/** The endpoints of an upstream as the control thread sees them. */
export type EndpointsOf = (upstream: string) => readonly SharedEndpoint[];

/** An upstream as the control thread sees it. */
interface SharedUpstream {
  /** Endpoints that come get nothing before a check has passed. */
  readonly isDistrusted: boolean;
  readonly endpoints: readonly EjectableEndpoint[];
  readonly regions: readonly ReservedRegion[];
  /** Null = it has none. */
  readonly breaker: BreakerState | null;
  /** How many requests wait for it; null = it has no limits. */
  readonly waiting: SharedCount | null;
}

/** What a configuration needs. */
interface Reservation {
  /** Of everything but upstreams. */
  readonly regions: readonly ReservedRegion[];
  readonly upstreams: Map<string, SharedUpstream>;
}

/** The next list of endpoints of an upstream, for which everything is there. */
export interface ReservedList {
  readonly upstream: string;
  readonly options: UpstreamOptions;
  readonly next: SharedUpstream;
  /** Where the list is from, for the log. */
  readonly cause: string | null;
  /** What the proxy threads must be told of their directory. */
  readonly memory: { readonly part: SharedSnapshot; readonly dropped: readonly string[] };
}

/** The endpoints of the running configuration. */
export class SharedEndpoints {
  readonly #memory: SharedMemory;
  readonly #stripes: number;
  #running: Reservation = { regions: [], upstreams: new Map() };
  /** Not needed any more, but requests that began under them are not over. */
  #leftOver: readonly ReservedRegion[] = [];
  /** Of what may take the place of what is running: while it goes to the threads, some have it already. */
  #reserved: Reservation | null = null;

  constructor(memory: SharedMemory, stripes: number) {
    this.#memory = memory;
    this.#stripes = stripes;
  }

  /**
   * Makes the regions that `config` needs. What is there already stays as it is. `adopt` or `release` follows.
   */
  async reserve(config: Config, slices = new TimeSlices()): Promise<void> {
    const reserved: Reservation = {
      regions: reserveRegions(config, this.#memory, this.#stripes),
      upstreams: new Map<string, SharedUpstream>(),
    };
    this.#reserved = reserved;
    const left = this.#leftOverKeys;
    for (const [name, options] of Object.entries(config.upstreams)) {
      reserved.upstreams.set(name, this.#reserveUpstream(name, options, left));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
  }

  /** Makes what was reserved the running configuration; then, in slices, lets regions go that it does not need. */
  async adopt(slices = new TimeSlices()): Promise<void> {
    const before = this.#running;
    this.#running = this.#reserved!;
    this.#reserved = null;
    for (const [name, { endpoints, isDistrusted }] of this.#running.upstreams) {
      const earlier = before.upstreams.get(name)?.endpoints ?? [];
      takeBackWeights(endpoints, earlier);
      forgetReplaced({ endpoints, isDistrusted }, earlier);
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#leftOver = [...this.#leftOver, ...regionsOf(before)];
    await this.release(slices);
  }

  /**
   * Lets every region go that the running configuration does not need and that counts nothing: those reserved for one
   * that came to nothing among them.
   */
  async release(slices = new TimeSlices()): Promise<void> {
    const unneeded = this.#reserved === null ? this.#leftOver : [...this.#leftOver, ...regionsOf(this.#reserved)];
    this.#reserved = null;
    // At the start there is nothing to let go.
    if (unneeded.length === 0) return;
    const needed = new Set<string>();
    for (const { key } of regionsOf(this.#running)) {
      needed.add(key);
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    const counting: ReservedRegion[] = [];
    for (const region of unneeded) {
      if (!needed.has(region.key)) {
        if (region.isCounting?.() === true) counting.push(region);
        else this.#memory.forget([region.key]);
      }
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#leftOver = counting;
  }

  /**
   * Makes the regions for the endpoints that a change gives a running upstream in place of those that it has. What stays
   * is not looked at again: of a thousand endpoints one comes or goes. `adoptList` follows when all proxy threads have
   * the list.
   */
  reserveList({ upstream, options, cause }: Omit<ListChange, "patch">): ReservedList {
    const before = this.#running.upstreams.get(upstream);
    const known = new Map(before?.endpoints.map((endpoint) => [endpoint.spec.url, endpoint]));
    const added = options.endpoints.filter(({ url }) => !known.has(url));
    const comes = this.#reserveUpstream(upstream, { ...options, endpoints: added }, this.#leftOverKeys);
    const comesByUrl = new Map(comes.endpoints.map((endpoint) => [endpoint.spec.url, endpoint]));
    const endpoints = toEndpointSpecs(options).map((spec): EjectableEndpoint => {
      const { state, record } = (known.get(spec.url) ?? comesByUrl.get(spec.url))!;
      return { spec, state, record };
    });
    const stays = new Set(options.endpoints.map(({ url }) => url));
    const gone = this.#ownRegions(
      upstream,
      options,
      [...known.keys()].filter((url) => !stays.has(url)),
    );
    const had = new Set(before?.regions.map(({ key }) => key));
    const fresh = comes.regions.filter(({ key }) => !had.has(key));
    const next: SharedUpstream = {
      ...comes,
      endpoints,
      regions: [...(before?.regions ?? []).filter(({ key }) => !gone.has(key)), ...fresh],
    };
    this.#reserved ??= { regions: [], upstreams: new Map<string, SharedUpstream>() };
    this.#reserved.upstreams.set(upstream, next);
    const part = this.#memory.snapshot(fresh.map(({ key }) => key));
    return { upstream, options, next, cause, memory: { part, dropped: [...gone] } };
  }

  /** The keys of regions that an upstream has for `urls` alone. */
  #ownRegions(upstream: string, options: UpstreamOptions, urls: readonly string[]): ReadonlySet<string> {
    if (urls.length === 0) return new Set();
    const place = { memory: this.#memory, stripes: this.#stripes };
    const keys = new Set(reserveUpstream(upstream, options, urls, place).map(({ key }) => key));
    for (const { key } of reserveUpstream(upstream, options, [], place)) keys.delete(key);
    return keys;
  }

  /** Makes a list that was reserved the running one: the regions of endpoints that are gone are let go. */
  adoptList({ upstream, next }: ReservedList): void {
    takeBackWeights(next.endpoints, this.of(upstream));
    forgetReplaced(next, this.of(upstream));
    const before = this.#regionsOf(upstream);
    this.#running.upstreams.set(upstream, next);
    this.#reserved?.upstreams.delete(upstream);
    const needed = new Set(next.regions.map(({ key }) => key));
    const unneeded = [...this.#leftOver, ...before].filter(({ key }) => !needed.has(key));
    this.#leftOver = unneeded.filter(({ isCounting }) => isCounting?.() === true);
    const counting = this.#leftOverKeys;
    this.#memory.forget(unneeded.flatMap(({ key }) => (counting.has(key) ? [] : [key])));
  }

  #reserveUpstream(name: string, options: UpstreamOptions, left: ReadonlySet<string>): SharedUpstream {
    const memory = this.#memory;
    const stripes = this.#stripes;
    const urls = options.endpoints.map(({ url }) => url);
    const regions = reserveUpstream(name, options, urls, { memory, stripes });
    const upstream = UpstreamState.open(memory, name);
    const endpoints = toEndpointSpecs(options).map((spec) => ({
      spec,
      state: EndpointState.open(memory, { upstreamName: name, url: spec.url, stripeIndex: -1, stripes, upstream }),
      record: options.outlier === null ? null : EjectionRecord.open(memory, name, spec.url),
    }));
    // One that was gone and is back: its requests still count, everything else that was known of it is forgotten.
    if (left.size > 0)
      for (const { spec, state } of endpoints) if (left.has(EndpointState.key(name, spec.url))) state.forget();
    markAdded(endpoints, this.of(name));
    const isDistrusted = options.health?.initial === "unhealthy";
    if (isDistrusted) distrustAdded(endpoints, this.of(name));
    return {
      isDistrusted,
      endpoints,
      regions,
      breaker: options.breaker === null ? null : BreakerState.open(memory, name),
      waiting: hasLimits(options.limits) ? openWaitingCount(memory, name, stripes) : null,
    };
  }

  get #leftOverKeys(): ReadonlySet<string> {
    return new Set(this.#leftOver.map(({ key }) => key));
  }

  #regionsOf(upstream: string): readonly ReservedRegion[] {
    return this.#running.upstreams.get(upstream)?.regions ?? [];
  }

  get upstreamNames(): readonly string[] {
    return [...this.#running.upstreams.keys()];
  }

  of(upstream: string): readonly EjectableEndpoint[] {
    return this.#running.upstreams.get(upstream)?.endpoints ?? [];
  }

  /** The endpoints of `upstream`, as far as outlier detection and its end are concerned. */
  ejectionTargets(upstream: string): EjectionTarget[] {
    return this.of(upstream).map(({ spec: { url }, state, record }) => ({ upstream, endpoint: url, state, record }));
  }

  /** The endpoints of `upstream` that are to be checked actively. */
  healthTargets(upstream: string, { health }: Pick<UpstreamOptions, "health">): HealthTarget[] {
    if (health === null) return [];
    return this.of(upstream).map(({ spec, state }) => ({ upstream, endpoint: spec, options: health, state }));
  }

  /** Takes a dead thread out of every count. */
  clearStripe(stripeIndex: number): void {
    const clear = ({ clearStripe }: ReservedRegion): void => clearStripe?.(stripeIndex);
    for (const region of regionsOf(this.#running)) clear(region);
    for (const region of this.#reserved === null ? [] : regionsOf(this.#reserved)) clear(region);
    for (const region of this.#leftOver) clear(region);
  }

  readonly collect: MetricCollector = (add) => {
    for (const [upstream, { endpoints, breaker, waiting }] of this.#running.upstreams) {
      if (waiting !== null) add(families.pending, [upstream], waiting.total);
      if (breaker !== null) add(families.breakerState, [upstream], breaker.position);
      for (const { spec, state } of endpoints) {
        add(families.endpointUp, [upstream, spec.url], state.isAdmitting ? 1 : 0);
        add(families.endpointEjected, [upstream, spec.url], state.hasFlag(EndpointFlag.ejected) ? 1 : 0);
        add(families.endpointInFlight, [upstream, spec.url], state.inFlight);
        add(families.endpointDraining, [upstream, spec.url], state.hasFlag(EndpointFlag.draining) ? 1 : 0);
        add(families.endpointWeight, [upstream, spec.url], state.weightOverride ?? spec.weight);
      }
    }
  };
}

function* regionsOf({ regions, upstreams }: Reservation): Generator<ReservedRegion> {
  yield* regions;
  for (const { regions: own } of upstreams.values()) yield* own;
}

/** Endpoints that come to others which serve already may start slowly. */
function markAdded(endpoints: readonly SharedEndpoint[], before: readonly SharedEndpoint[]): void {
  const known = new Set(before.map(({ spec }) => spec.url));
  if (known.size > 0) for (const { spec, state } of endpoints) if (!known.has(spec.url)) state.markAdded();
}

/** Endpoints that come, before any proxy thread has them: none gets a request before a check has passed. */
function distrustAdded(endpoints: readonly SharedEndpoint[], before: readonly SharedEndpoint[]): void {
  const known = new Set(before.map(({ spec }) => spec.url));
  for (const { spec, state } of endpoints) if (!known.has(spec.url)) state.distrust();
}

/** A weight that was set at run time ends if the configuration says something new about it. */
function takeBackWeights(endpoints: readonly SharedEndpoint[], before: readonly SharedEndpoint[]): void {
  const weights = new Map(before.map(({ spec }) => [spec.url, spec.weight]));
  for (const { spec, state } of endpoints)
    if ((weights.get(spec.url) ?? spec.weight) !== spec.weight) state.weightOverride = null;
}

/** Another endpoint at the address of one that is gone: of it nothing is known. Requests of the other still count. */
function forgetReplaced(
  { endpoints, isDistrusted }: Pick<SharedUpstream, "endpoints" | "isDistrusted">,
  before: readonly SharedEndpoint[],
): void {
  if (endpoints.every(({ spec }) => spec.identity == null)) return;
  const identities = new Map(before.map(({ spec }) => [spec.url, spec.identity ?? null]));
  for (const { spec, state, record } of endpoints) {
    const earlier = identities.get(spec.url);
    if (earlier === undefined || earlier === spec.identity) continue;
    state.forget();
    record?.forget();
    state.markAdded();
    if (isDistrusted) state.distrust();
  }
}
