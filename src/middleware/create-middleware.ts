/** From the options of a middleware to what it does. Header edits and rewrites are not here: they are compiled into the forwarding itself. */
import { createBodyLimit } from "./body-limit/body-limit.ts";
import { createBuffer } from "./buffer/buffer.ts";
import type { Middleware, MiddlewareContext, MiddlewareHost, RouteHandler } from "./middleware.ts";
import type { PolicyOptions } from "./options.ts";
import { createRateLimit } from "./rate-limit/rate-limit.ts";

/** Puts `policies` before `last`, the first outermost. Without any, that is `last` itself. */
export function compose(policies: readonly PolicyOptions[], routeName: string, host: MiddlewareHost, last: RouteHandler): RouteHandler {
  const counts = new Map<string, number>();
  const middlewares = policies.map((policy) => {
    const kind = Object.keys(policy)[0] ?? "";
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    return createMiddleware(policy, { ...host, onInternalError: (error) => host.onInternalError(error), routeName, ordinal });
  });
  return middlewares.reduceRight((next, middleware) => middleware(next), last);
}

function createMiddleware(policy: PolicyOptions, context: MiddlewareContext): Middleware {
  if ("rateLimit" in policy) return createRateLimit(policy.rateLimit, context);
  if ("bodyLimit" in policy) return createBodyLimit(policy.bodyLimit);
  return createBuffer(policy.buffer, context);
}
