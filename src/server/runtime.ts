/**
 * A configuration, compiled for one proxy thread: router, upstreams, and for every route the straight line of what it
 * uses. A reload builds the next one beside it, taking over every transport that has not changed, and swaps one
 * reference. All that changes in between are the endpoints of upstreams.
 */
import type { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "../config/schema.ts";
import type { Exchange } from "../http/exchange.ts";
import type { AttemptTimeouts } from "../http/attempt.ts";
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
import type { TransportContext } from "../upstream/transport/http1-transport.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { TcpRoutes } from "../tcp/tcp-context.ts";
import { compileTcpRoutes, isTcpRoute, tcpListenersOf } from "./tcp-routes.ts";
import { Upstreams } from "./upstreams.ts";
import { warmUpTls } from "./warm-up-tls.ts";

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

/** The compiled form of one configuration; use `Runtime.build`. */
export class Runtime {
  readonly config: Config;
  readonly upstreams: Upstreams;
  /** For listeners with `mode: tcp`. */
  readonly tcpRoutes: TcpRoutes;
  readonly #router: Router<CompiledRoute>;

  /** Use `Runtime.build`. */
  constructor(config: Config, upstreams: Upstreams, router: Router<CompiledRoute>) {
    this.config = config;
    this.upstreams = upstreams;
    this.tcpRoutes = compileTcpRoutes(config, upstreams);
    this.#router = router;
  }

  /**
   * Builds a runtime, in slices: thousands of routes and upstreams do not hold up the exchanges of the one that is
   * running.
   * @param previous the runtime that is replaced, whose transports and upstream state live on; null = there is none
   */
  static async build(parts: RuntimeParts, previous: Runtime | null, slices = new TimeSlices()): Promise<Runtime> {
    warmUpTls(parts.config);
    const upstreams = new Upstreams(parts);
    if (previous !== null) await upstreams.follow(previous.upstreams, slices);
    const router = await Router.build(compileRoutes(upstreams, parts), slices);
    return new Runtime(parts.config, upstreams, router);
  }

  /** The route that takes `exchange`; null = none, `ambiguous` = it depends on how the path is read. */
  match(exchange: Exchange): CompiledRoute | null | typeof ambiguous {
    return this.#router.match(exchange);
  }
}

function* compileRoutes(upstreams: Upstreams, parts: RuntimeParts): Generator<RouteSpec<CompiledRoute>> {
  const tcpListeners = tcpListenersOf(parts.config);
  for (const route of parts.config.routes)
    if (!isTcpRoute(route, tcpListeners))
      yield {
        name: route.name,
        priority: route.priority,
        match: route.match,
        value: compileRoute(route, upstreams, parts),
      };
}

function compileRoute(route: RouteOptions, upstreams: Upstreams, parts: RuntimeParts): CompiledRoute {
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
      if (!upstreams.has(upstreamName)) throw new Error(`there is no upstream "${upstreamName}"`);
      let plan: ForwardPlan | null = null;
      return (exchange) => {
        if (!isLastForward(exchange))
          forward(exchange, (plan ??= planFor(upstreams.get(upstreamName), route, parts)), parts.forwarding);
      };
    },
  });
  return {
    name: route.name,
    answer: list.before(last),
    refuse: list.refuse,
    upgrades: new Set(route.upgrade),
  };
}

function planFor(upstream: Upstream, route: RouteOptions, { config }: RuntimeParts): ForwardPlan {
  const options = config.upstreams[upstream.name]!;
  return {
    upstream,
    retry: compileRetryPolicy(options.retry),
    hedgeAfterMs: options.hedge?.after ?? 0,
    via: options.via ? "add" : "pass",
    totalTimeoutMs: route.timeouts.total,
    timeouts: attemptTimeouts(route.timeouts, options.timeouts),
    keyOf: balanceKeyOf(options.balance),
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
