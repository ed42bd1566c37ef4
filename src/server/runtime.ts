/**
 * A configuration, compiled for one proxy thread: router, upstreams, and for every route the straight line of what it
 * uses. A reload builds the next one beside it, taking over every transport that has not changed, and swaps one
 * reference. All that changes in between are the endpoints of upstreams.
 */
import { isDeepStrictEqual } from "node:util";
import type { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "../config/schema.ts";
import type { Exchange } from "../http/exchange.ts";
import type { AttemptTimeouts } from "../http1/endpoint-side/connection-attempt.ts";
import { compileRetryPolicy } from "../forward/retry-policy.ts";
import { forward } from "../forward/forward.ts";
import type { ForwardContext, ForwardPlan } from "../forward/forward-plan.ts";
import { isLastForward } from "../forward/max-forwards.ts";
import type { ReasonCode } from "../http/reason.ts";
import { compileList } from "../middleware/compile-list.ts";
import type { MiddlewareHost, RouteHandler } from "../middleware/middleware.ts";
import { ambiguous, Router, type RouteSpec } from "../route/router.ts";
import type { RouteOptions } from "../route/options.ts";
import { targetOf } from "../route/targets/targets.ts";
import { balanceKeyOf } from "../upstream/balance-key.ts";
import type { ListedEndpoint } from "../upstream/endpoint-source.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";
import { Http1Transport, type TransportContext, type TransportOptions } from "../upstream/transport/http1-transport.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { createPolicies } from "../upstream/policies.ts";
import type { Transport } from "../upstream/transport.ts";
import { transportsLeftBehind, Upstream, type UpstreamParts } from "../upstream/upstream.ts";
import { stickyCounter, toGroupPolicy } from "./upstream-parts.ts";

/** A route as the data path takes it. */
export interface CompiledRoute {
  readonly name: string;
  readonly answer: RouteHandler;
  /** The protocols that requests may switch to, in lower case. */
  readonly upgrades: ReadonlySet<string>;
  /** Answers in the name of the route that the exchange is refused. */
  readonly refuse: (exchange: Exchange, code: ReasonCode) => void;
}

/**
 * What a runtime is built from. Routes keep it as long as they live: what came before must not be in here, or no
 * runtime would ever be forgotten.
 */
export interface RuntimeParts {
  readonly config: Config;
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly transports: TransportContext;
  readonly forwarding: ForwardContext;
  readonly middlewares: MiddlewareHost;
}

/** Tunnels such as WebSocket connections, event streams and gRPC may be silent for an hour. */
const longIdleMs = 3_600_000;

/** The compiled form of one configuration; use `Runtime.build`. */
export class Runtime {
  readonly config: Config;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly #router: Router<CompiledRoute>;

  /** Use `Runtime.build`. */
  constructor(config: Config, upstreams: ReadonlyMap<string, Upstream>, router: Router<CompiledRoute>) {
    this.config = config;
    this.upstreams = upstreams;
    this.#router = router;
  }

  /**
   * Builds a runtime, in slices: thousands of routes and upstreams do not hold up the exchanges of the one that is
   * running.
   * @param previous the runtime that is replaced, whose transports and upstream state live on; null = there is none
   */
  static async build(parts: RuntimeParts, previous: Runtime | null, slices = new TimeSlices()): Promise<Runtime> {
    const upstreams = new Map<string, Upstream>();
    for (const [name, options] of Object.entries(parts.config.upstreams)) {
      upstreams.set(
        name,
        new Upstream({ ...toUpstreamParts(name, options, parts), previous: previous?.upstreams.get(name) ?? null }),
      );
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    const router = await Router.build(compileRoutes(upstreams, parts), slices);
    return new Runtime(parts.config, upstreams, router);
  }

  /** The route that takes `exchange`; null = none, `ambiguous` = it depends on how the path is read. */
  match(exchange: Exchange): CompiledRoute | null | typeof ambiguous {
    return this.#router.match(exchange);
  }

  /**
   * Gives the upstream `name` other endpoints.
   * @returns the transports of those that are gone, for the caller to drain
   */
  takeList(name: string, endpoints: readonly ListedEndpoint[]): Transport[] {
    const { lenient } = this.config.upstreams[name]!;
    return this.upstreams.get(name)!.take(toEndpointSpecs({ endpoints, lenient }));
  }

  /** The transports that `next` did not take over, looked for in slices. */
  async leftBehind(next: Runtime, slices = new TimeSlices()): Promise<Transport[]> {
    const left: Transport[] = [];
    for (const [name, upstream] of this.upstreams) {
      left.push(...transportsLeftBehind(upstream, next.upstreams.get(name) ?? null));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    return left;
  }

  get transports(): Transport[] {
    return [...this.upstreams.values()].flatMap((upstream) => upstream.endpoints.map((endpoint) => endpoint.transport));
  }
}

/** The endpoints of an upstream as the data path takes them. */
export function toEndpointSpecs({
  endpoints,
  lenient,
}: {
  readonly endpoints: readonly ListedEndpoint[];
  readonly lenient: boolean;
}): EndpointSpec[] {
  return endpoints.map(({ url, host, port, socketPath, weight, backup, zone }) => ({
    url,
    host,
    port,
    socketPath,
    weight,
    isBackup: backup,
    zone,
    isLenient: lenient,
  }));
}

/** Apart from the upstream before it, which must not be within reach of what lives as long as the new one. */
function toUpstreamParts(name: string, options: UpstreamOptions, parts: RuntimeParts): UpstreamParts {
  const transportOptions: TransportOptions = {
    maxIdle: options.pool.maxIdle,
    idleTimeout: options.pool.idleTimeout,
    pipelining: options.pool.pipelining,
    isLenient: options.lenient,
    timeouts: { ...options.timeouts, longIdle: longIdleMs },
  };
  return {
    name,
    endpoints: toEndpointSpecs(options),
    balance: options.balance,
    groupPolicy: toGroupPolicy(options, parts.config.zone),
    sticky: options.sticky,
    onSticky: stickyCounter(name, options, parts.middlewares.metrics),
    memory: parts.memory,
    stripeIndex: parts.stripeIndex,
    stripes: parts.stripes,
    createPolicies: (endpoints, previous) =>
      createPolicies({ ...parts.middlewares, upstreamName: name, options, endpoints, previous }),
    openTransport: (spec, before) =>
      before instanceof Http1Transport && isDeepStrictEqual(before.options, transportOptions)
        ? before
        : new Http1Transport(spec, transportOptions, parts.transports),
  };
}

function* compileRoutes(
  upstreams: ReadonlyMap<string, Upstream>,
  parts: RuntimeParts,
): Generator<RouteSpec<CompiledRoute>> {
  for (const route of parts.config.routes)
    yield {
      name: route.name,
      priority: route.priority,
      match: route.match,
      value: compileRoute(route, upstreams, parts),
    };
}

function compileRoute(
  route: RouteOptions,
  upstreams: ReadonlyMap<string, Upstream>,
  parts: RuntimeParts,
): CompiledRoute {
  const list = compileList(
    {
      routeName: route.name,
      items: route.middlewares,
      shed: route.shed,
      maxLagMs: parts.config.overload.maxEventLoopLag,
    },
    parts.middlewares,
  );
  const { target, options } = targetOf(route);
  const last = target.create(options, {
    forwardTo(upstreamName) {
      const upstream = upstreams.get(upstreamName);
      if (upstream === undefined) throw new Error(`there is no upstream "${upstreamName}"`);
      return forwardTo(upstream, route, parts);
    },
  });
  return {
    name: route.name,
    answer: list.before(last),
    refuse: list.refuse,
    upgrades: new Set(route.upgrade),
  };
}

function forwardTo(upstream: Upstream, route: RouteOptions, { config, forwarding }: RuntimeParts): RouteHandler {
  const options = config.upstreams[upstream.name]!;
  const plan: ForwardPlan = {
    upstream,
    retry: compileRetryPolicy(options.retry),
    hedgeAfterMs: options.hedge?.after ?? 0,
    via: options.via ? "add" : "pass",
    totalTimeoutMs: route.timeouts.total,
    timeouts: attemptTimeouts(route.timeouts, options.timeouts),
    keyOf: balanceKeyOf(options.balance),
  };
  return (exchange) => {
    if (!isLastForward(exchange)) forward(exchange, plan, forwarding);
  };
}

/** Null if the route has nothing to say. */
function attemptTimeouts(
  route: RouteOptions["timeouts"],
  upstream: UpstreamOptions["timeouts"],
): AttemptTimeouts | null {
  if (route.firstByte === null && route.idle === null) return null;
  return { firstByte: route.firstByte ?? upstream.firstByte, idle: route.idle ?? upstream.idle };
}
