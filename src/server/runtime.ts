/**
 * A configuration, compiled for one proxy thread: router, upstreams, and for every route the straight line of what it
 * uses. Immutable; a reload builds the next one beside it, taking over every transport that has not changed, and swaps
 * one reference.
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
import type { ViaMode } from "../http/forwarding-fields.ts";
import type { ReasonCode } from "../http/reason.ts";
import { compose, refuseWith, type RouteStep } from "../middleware/create-middleware.ts";
import type { MiddlewareHost, RouteHandler } from "../middleware/middleware.ts";
import { ambiguous, Router, type RouteSpec } from "../route/router.ts";
import {
  compileAnswerFilter,
  compileHeaderEdit,
  compileTrailerEdit,
  type HeaderEdit,
} from "../middleware/headers/header-edit.ts";
import type { RouteOptions } from "../route/options.ts";
import { compileRewrite, type Rewrite } from "../middleware/rewrite/rewrite.ts";
import { balanceKeyOf } from "../upstream/balance-key.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";
import { Http1Transport, type TransportContext, type TransportOptions } from "../upstream/transport/http1-transport.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { createPolicies } from "../upstream/policies.ts";
import type { Transport } from "../upstream/transport.ts";
import { transportsLeftBehind, Upstream } from "../upstream/upstream.ts";
import { createLocalAnswer } from "./local-answer.ts";
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

/** The compiled form of one configuration; use `Runtime.build`. Immutable. */
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
      upstreams.set(name, buildUpstream(name, options, parts, previous?.upstreams.get(name) ?? null));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    const routes: RouteSpec<CompiledRoute>[] = [];
    for (const route of parts.config.routes) {
      routes.push({
        name: route.name,
        priority: route.priority,
        match: route.match,
        value: compileRoute(route, upstreams, parts),
      });
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    return new Runtime(parts.config, upstreams, new Router(routes));
  }

  /** The route that takes `exchange`; null = none, `ambiguous` = it depends on how the path is read. */
  match(exchange: Exchange): CompiledRoute | null | typeof ambiguous {
    return this.#router.match(exchange);
  }

  /** The transports that `next` did not take over. */
  leftBehind(next: Runtime): Transport[] {
    return [...this.upstreams].flatMap(([name, upstream]) =>
      transportsLeftBehind(upstream, next.upstreams.get(name) ?? null),
    );
  }

  get transports(): Transport[] {
    return [...this.upstreams.values()].flatMap((upstream) => upstream.endpoints.map((endpoint) => endpoint.transport));
  }
}

/** The endpoints of an upstream as the data path takes them. */
export function toEndpointSpecs(options: UpstreamOptions): EndpointSpec[] {
  return options.endpoints.map(({ url, host, port, socketPath, weight, backup, zone }) => ({
    url,
    host,
    port,
    socketPath,
    weight,
    isBackup: backup,
    zone,
    isLenient: options.lenient,
  }));
}

function buildUpstream(
  name: string,
  options: UpstreamOptions,
  parts: RuntimeParts,
  previous: Upstream | null,
): Upstream {
  const transportOptions: TransportOptions = {
    maxIdle: options.pool.maxIdle,
    idleTimeout: options.pool.idleTimeout,
    pipelining: options.pool.pipelining,
    isLenient: options.lenient,
    timeouts: { ...options.timeouts, longIdle: longIdleMs },
  };
  return new Upstream({
    name,
    endpoints: toEndpointSpecs(options),
    balance: options.balance,
    groupPolicy: toGroupPolicy(options, parts.config.zone),
    sticky: options.sticky,
    onSticky: stickyCounter(name, options, parts.middlewares.metrics),
    memory: parts.memory,
    stripeIndex: parts.stripeIndex,
    stripes: parts.stripes,
    previous,
    createPolicies: (endpoints) =>
      createPolicies({
        ...parts.middlewares,
        upstreamName: name,
        options,
        endpoints,
        previous: previous?.policies ?? null,
      }),
    openTransport: (spec, before) =>
      before instanceof Http1Transport && isDeepStrictEqual(before.options, transportOptions)
        ? before
        : new Http1Transport(spec, transportOptions, parts.transports),
  });
}

function compileRoute(
  route: RouteOptions,
  upstreams: ReadonlyMap<string, Upstream>,
  parts: RuntimeParts,
): CompiledRoute {
  const rewrites: Rewrite[] = [];
  const requestEdits: HeaderEdit[] = [];
  const requestTrailerEdits: HeaderEdit[] = [];
  const responseTrailerEdits: HeaderEdit[] = [];
  const steps: RouteStep[] = [];
  for (const middleware of route.middlewares) {
    if ("rewrite" in middleware) rewrites.push(compileRewrite(middleware.rewrite));
    else if (!("headers" in middleware)) steps.push(middleware);
    else {
      const { request, response } = middleware.headers;
      const answerFilter = compileAnswerFilter(response);
      if (answerFilter !== null) steps.push({ answerFilter });
      requestEdits.push(...listOf(compileHeaderEdit(request, "request")));
      requestTrailerEdits.push(...listOf(compileTrailerEdit(request, "request")));
      responseTrailerEdits.push(...listOf(compileTrailerEdit(response, "response")));
    }
  }
  const upstream = route.upstream === null ? undefined : upstreams.get(route.upstream);
  const toRoute = (last: RouteHandler): CompiledRoute => ({
    name: route.name,
    answer: compose(
      { routeName: route.name, steps, shed: route.shed, maxLagMs: parts.config.overload.maxEventLoopLag },
      parts.middlewares,
      last,
    ),
    refuse: refuseWith(steps),
    upgrades: new Set(route.upgrade),
  });
  if (upstream === undefined) return toRoute(createLocalAnswer(route));
  const plan: ForwardPlan = {
    upstream,
    retry: compileRetryPolicy(parts.config.upstreams[upstream.name]!.retry),
    hedgeAfterMs: parts.config.upstreams[upstream.name]!.hedge?.after ?? 0,
    changes: {
      rewrites,
      edit: inSequence(requestEdits),
      via: viaModeOf(route, parts.config.upstreams[upstream.name]!),
    },
    requestTrailerEdit: inSequence(requestTrailerEdits),
    responseTrailerEdit: inSequence(responseTrailerEdits),
    totalTimeoutMs: route.timeouts.total,
    timeouts: attemptTimeouts(route.timeouts, parts.config.upstreams[upstream.name]!.timeouts),
    keyOf: balanceKeyOf(parts.config.upstreams[upstream.name]!.balance),
  };
  return toRoute((exchange) => {
    if (!isLastForward(exchange)) forward(exchange, plan, parts.forwarding);
  });
}

function viaModeOf(route: RouteOptions, upstream: UpstreamOptions): ViaMode {
  const isRemoved = route.middlewares.some(
    (middleware) => "headers" in middleware && middleware.headers.request.remove.includes("via"),
  );
  return isRemoved ? "remove" : upstream.via ? "add" : "pass";
}

/** Null where the route has nothing to say. */
function attemptTimeouts(
  route: RouteOptions["timeouts"],
  upstream: UpstreamOptions["timeouts"],
): AttemptTimeouts | null {
  if (route.firstByte === null && route.idle === null) return null;
  return { firstByte: route.firstByte ?? upstream.firstByte, idle: route.idle ?? upstream.idle };
}

const listOf = (edit: HeaderEdit | null): readonly HeaderEdit[] => (edit === null ? [] : [edit]);

function inSequence(edits: readonly HeaderEdit[]): HeaderEdit | null {
  if (edits.length <= 1) return edits[0] ?? null;
  return (section) => edits.reduce((edited, edit) => edit(edited), section);
}
