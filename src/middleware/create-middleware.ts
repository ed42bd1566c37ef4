/** From the options of a middleware to what it does. Header edits and rewrites are not here: they are compiled into the forwarding itself. */
import type { Middleware, MiddlewareContext, MiddlewareHost, RouteHandler } from "./middleware.ts";
import { createRateLimit } from "./rate-limit/rate-limit.ts";
import type { RateLimitOptions } from "./rate-limit/options.ts";

/** A middleware that takes part in the composition, in normal form: an object with one key. */
export type PolicyOptions = { readonly rateLimit: RateLimitOptions };

/** Puts `policies` before `last`, the first outermost. Without any, that is `last` itself. */
export function compose(policies: readonly PolicyOptions[], routeName: string, host: MiddlewareHost, last: RouteHandler): RouteHandler {
  const counts = new Map<string, number>();
  const middlewares = policies.map((policy) => {
    const kind = Object.keys(policy)[0] ?? "";
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    return createMiddleware(policy, { ...host, routeName, ordinal });
  });
  return middlewares.reduceRight((next, middleware) => middleware(next), last);
}

function createMiddleware(policy: PolicyOptions, context: MiddlewareContext): Middleware {
  return createRateLimit(policy.rateLimit, context);
}
