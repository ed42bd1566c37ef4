/** From the options of a middleware to what it does. Header edits and rewrites are not here: they are compiled into the forwarding itself. */
import { createBodyLimit } from "./body-limit/body-limit.ts";
import { createBuffer } from "./buffer/buffer.ts";
import { createFault } from "./fault/fault.ts";
import type { Middleware, MiddlewareContext, MiddlewareHost, RouteHandler } from "./middleware.ts";
import type { PolicyOptions } from "./options.ts";
import { createRateLimit } from "./rate-limit/rate-limit.ts";
import type { ShedClass } from "./shed/options.ts";
import { createShed } from "./shed/shed.ts";

/** What stands before a route's last handler. */
export interface RoutePolicies {
  readonly routeName: string;
  /** In order, the first outermost. */
  readonly policies: readonly PolicyOptions[];
  readonly shed: ShedClass;
  /** Milliseconds; 0 = no load shedding. */
  readonly maxLagMs: number;
}

/** Puts them before `last`. Where there are none, that is `last` itself. */
export function compose({ routeName, policies, shed, maxLagMs }: RoutePolicies, host: MiddlewareHost, last: RouteHandler): RouteHandler {
  const counts = new Map<string, number>();
  const contextOf = (ordinal: number): MiddlewareContext => ({ ...host, onInternalError: (error) => host.onInternalError(error), routeName, ordinal });
  const middlewares = policies.map((policy) => {
    const kind = Object.keys(policy)[0] ?? "";
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    return createMiddleware(policy, contextOf(ordinal));
  });
  const composed = middlewares.reduceRight((next, middleware) => middleware(next), last);
  return createShed(shed, maxLagMs, contextOf(0))?.(composed) ?? composed;
}

function createMiddleware(policy: PolicyOptions, context: MiddlewareContext): Middleware {
  if ("rateLimit" in policy) return createRateLimit(policy.rateLimit, context);
  if ("bodyLimit" in policy) return createBodyLimit(policy.bodyLimit);
  if ("buffer" in policy) return createBuffer(policy.buffer, context);
  return createFault(policy.fault, context);
}
