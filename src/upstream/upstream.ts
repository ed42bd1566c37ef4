/**
 * A named group of endpoints in a proxy thread, and the balancer over them. A reload builds a new one from the new
 * specifications. What must outlive a reload lives elsewhere: counts, health, flags and the round-robin cursor in shared
 * memory under the same keys, connections in the transports, which are taken over from the upstream that is replaced.
 *
 * Between reloads the upstream may be given another list of endpoints (`take`). An endpoint that stays is the same
 * object before and after, so that exchanges under way and whatever is keyed by it go on; an exchange that tries again
 * picks among the new ones.
 */
import type { RandomSource } from "../base/random.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Affinity } from "./affinity/affinity.ts";
import { createAffinity } from "./affinity/create-affinity.ts";
import type { StickyResult } from "./affinity/sticky-cookie.ts";
import type { BalanceOptions } from "./balance-options.ts";
import type { Balancer, PickHint } from "./balancer/balancer.ts";
import { type BalancerContext, createBalancer } from "./balancer/create-balancer.ts";
import { type GroupPolicy, plainPolicy } from "./balancer/form-groups.ts";
import { EndpointState } from "./endpoint-state.ts";
import { Endpoint, type EndpointSpec } from "./endpoint.ts";
import { LatencyObserver } from "./latency-observer.ts";
import { noPolicies, type UpstreamPolicies } from "./policies.ts";
import type { StickyOptions } from "./sticky-options.ts";
import type { Transport } from "./transport.ts";
import { UpstreamState } from "./upstream-state.ts";

/** What an upstream is made from. */
export interface UpstreamParts {
  readonly name: string;
  /** Their URLs are unique. Their order is the order of turns. */
  readonly endpoints: readonly EndpointSpec[];
  readonly balance: BalanceOptions;
  /** The rules about which endpoints may be picked; default: every available one. */
  readonly groupPolicy?: GroupPolicy;
  /** Keeps clients at their endpoint. Default: null, they go anywhere. */
  readonly sticky?: StickyOptions | null;
  /** Told how each answer of a sticky upstream found its client. */
  readonly onSticky?: (result: StickyResult) => void;
  readonly memory: SharedMemory;
  /** This thread's stripe in the endpoints' states, of `stripes`. */
  readonly stripeIndex: number;
  readonly stripes: number;
  /**
   * Opens the transport to an endpoint. `previous` is the one that the replaced upstream had for the same URL, or null:
   * return it if nothing that concerns connections has changed, so that they live on.
   */
  readonly openTransport: (spec: EndpointSpec, previous: Transport | null) => Transport;
  /** The upstream of the same name in the runtime that is replaced. Default: none. */
  readonly previous?: Upstream | null;
  /** Default: `Math.random`. */
  readonly random?: RandomSource;
  /**
   * Makes what is done about failure, for these endpoints; default: nothing. `previous` is what the upstream that is replaced
   * has, or null.
   */
  readonly createPolicies?: (endpoints: readonly Endpoint[], previous: UpstreamPolicies | null) => UpstreamPolicies;
}

/** What makes the endpoints into the next ones: what stays keeps its place, and what comes stands behind it. */
export interface SpecPatch {
  /** The URLs of those that are gone. */
  readonly gone: readonly string[];
  /** Those that are new, and those of which something else is said than before. URLs are unique. */
  readonly changed: readonly EndpointSpec[];
}

/** As much of the parts as the next list of endpoints needs; `previous` is not in it, or no upstream would ever go. */
type KeptParts = Omit<UpstreamParts, "previous" | "endpoints">;

/** A group of endpoints and the way to choose among them. */
export class Upstream {
  readonly name: string;
  readonly state: UpstreamState;
  readonly #parts: KeptParts;
  readonly #context: BalancerContext;
  #endpoints: readonly Endpoint[];
  #policies: UpstreamPolicies;
  #affinity: Affinity | null;
  #balancer: Balancer;
  #byUrl: ReadonlyMap<string, Endpoint>;

  constructor({ previous = null, endpoints, ...parts }: UpstreamParts) {
    this.name = parts.name;
    this.state = UpstreamState.open(parts.memory, parts.name);
    this.#parts = parts;
    this.#context = {
      shared: this.state,
      policy: parts.groupPolicy ?? plainPolicy,
      ...(parts.random && { random: parts.random }),
    };
    this.#endpoints = endpoints.map((spec) => {
      const known = previous?.find(spec.url) ?? null;
      return this.#open(spec, known !== null && isSameEndpoint(known.spec, spec) ? known.transport : null);
    });
    this.#byUrl = byUrl(this.#endpoints);
    this.#policies = withLatency(
      parts.createPolicies?.(this.#endpoints, previous?.policies ?? null) ?? noPolicies,
      parts.balance,
    );
    this.#balancer = createBalancer(parts.balance, this.#endpoints, this.#context);
    this.#affinity = this.#createAffinity(this.#endpoints);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  get policies(): UpstreamPolicies {
    return this.#policies;
  }

  /** What keeps clients at their endpoint, or null. */
  get affinity(): Affinity | null {
    return this.#affinity;
  }

  /**
   * Gives it other endpoints, in steps, so that a thousand hold nobody up: until the last step those before serve, and then
   * the new ones at once. Their regions in shared memory must be there.
   * @returns the transports of those that are gone, for the caller to drain
   */
  *take(patch: SpecPatch): Generator<void, Transport[], void> {
    const leaving = new Set(patch.gone);
    const next = new Map(patch.changed.map((spec) => [spec.url, spec]));
    const endpoints: Endpoint[] = [];
    const gone: Endpoint[] = [];
    for (const endpoint of this.#endpoints) {
      const spec = next.get(endpoint.name) ?? (leaving.has(endpoint.name) ? null : endpoint.spec);
      next.delete(endpoint.name);
      if (spec !== null && isSameEndpoint(endpoint.spec, spec)) {
        endpoint.spec = spec;
        endpoints.push(endpoint);
        continue;
      }
      gone.push(endpoint);
      if (spec !== null) endpoints.push(this.#open(spec, null));
    }
    for (const spec of next.values()) endpoints.push(this.#open(spec, null));
    const found = byUrl(endpoints);
    yield;
    const policies = withLatency(this.#policies.forEndpoints(endpoints), this.#parts.balance);
    yield;
    const balancer = createBalancer(this.#parts.balance, endpoints, this.#context);
    yield;
    const affinity = this.#createAffinity(endpoints);
    this.#endpoints = endpoints;
    this.#byUrl = found;
    this.#policies = policies;
    this.#balancer = balancer;
    this.#affinity = affinity;
    for (const endpoint of gone) endpoint.isGone = true;
    return gone.map(({ transport }) => transport);
  }

  #open(spec: EndpointSpec, transport: Transport | null): Endpoint {
    const { name, memory, stripeIndex, stripes, openTransport } = this.#parts;
    const state = EndpointState.open(memory, {
      upstreamName: name,
      url: spec.url,
      stripeIndex,
      stripes,
      upstream: this.state,
    });
    return new Endpoint(spec, state, openTransport(spec, transport));
  }

  #createAffinity(endpoints: readonly Endpoint[]): Affinity | null {
    const { name, sticky = null, onSticky = () => {}, memory } = this.#parts;
    if (sticky === null) return null;
    return createAffinity({
      upstreamName: name,
      options: sticky,
      endpoints,
      find: (url) => this.find(url),
      context: this.#context,
      memory,
      onResult: onSticky,
    });
  }

  /** Chooses an endpoint for an attempt of `exchange`: the one that its client belongs to, else as `pick`. */
  pickFor(exchange: Exchange, hint: PickHint): Endpoint | null {
    return this.#affinity?.pick(exchange, hint) ?? this.#balancer.pick(hint);
  }

  /** Chooses an endpoint for an attempt; null if none is available or all available ones were tried. */
  pick(hint: PickHint): Endpoint | null {
    return this.#balancer.pick(hint);
  }

  /** The endpoint called `url`, available or not, or null. */
  find(url: string): Endpoint | null {
    return this.#byUrl.get(url) ?? null;
  }

  /** Is there an endpoint that could be picked for an exchange that has `tried` others and now failed at `last`? */
  hasOther(tried: readonly Endpoint[], last: Endpoint): boolean {
    return this.#balancer.hasOther(tried, last);
  }

  /** How many endpoints admit new requests. */
  get availableCount(): number {
    let count = 0;
    for (const endpoint of this.#endpoints) if (endpoint.isAvailable) count++;
    return count;
  }
}

/** Of two specifications with the same URL: is the same meant? What has another identity took over the address. */
const isSameEndpoint = (one: EndpointSpec, other: EndpointSpec): boolean =>
  (one.identity ?? null) === (other.identity ?? null);

/** `peak-ewma` goes by what is measured of every attempt. */
const withLatency = (policies: UpstreamPolicies, balance: BalanceOptions): UpstreamPolicies =>
  balance === "peak-ewma" ? { ...policies, observers: [...policies.observers, new LatencyObserver()] } : policies;

const byUrl = (endpoints: readonly Endpoint[]): ReadonlyMap<string, Endpoint> =>
  new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));

/**
 * The transports of `previous` that `next` (null = the upstream is gone) did not take over: for the caller to drain.
 */
export function transportsLeftBehind(previous: Upstream, next: Upstream | null): Transport[] {
  return previous.endpoints.flatMap(({ name, transport }) =>
    next?.find(name)?.transport === transport ? [] : [transport],
  );
}
