/**
 * The `cache` middleware: a shared cache (RFC 9111). Here it is decided which requests are a cache's business; what is
 * done with them is in `look-up.ts`, what is fetched in `fetch.ts`, and what others make invalid in `invalidate.ts`.
 */
import type { ForwardReason } from "../../http/cache/cache-status.ts";
import type { Exchange } from "../../http/exchange.ts";
import { isSafe } from "../../http/method.ts";
import type { Middleware, MiddlewareContext, RouteHandler } from "../middleware.ts";
import { CachedRoute } from "./cached-route.ts";
import { invalidateAfter } from "./invalidate.ts";
import { lookUp } from "./look-up.ts";
import type { CacheOptions } from "./options.ts";
import { passBy } from "./pass-by.ts";
import { readFacts, type RequestFacts } from "./request-facts.ts";

/** Creates the `cache` middleware. @throws Error if its store is not there */
export function createCache(options: CacheOptions, context: MiddlewareContext): Middleware {
  const route = new CachedRoute(options, context);
  return (next) => (exchange) => handle(exchange, next, route);
}

function handle(exchange: Exchange, next: RouteHandler, route: CachedRoute): void {
  const { request, changedRequest } = exchange;
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") {
    if (!isSafe(method)) invalidateAfter(exchange, route);
    return passBy({ exchange, next, route }, "method", "bypass");
  }
  const facts = readFacts(changedRequest === null ? request.keptFields : changedRequest.fields.text);
  const reason = whyPast(exchange, facts);
  if (reason !== null) return passBy({ exchange, next, route }, reason, "bypass");
  const target = route.keys.targetOf(exchange);
  const primaryKey = route.keys.keyOf(exchange, target, facts);
  if (primaryKey === null) return passBy({ exchange, next, route }, "bypass", "bypass");
  lookUp({ exchange, next, route, facts, primaryKey, target });
}

/** Why a GET or HEAD goes past the cache; null = it does not. */
function whyPast(exchange: Exchange, facts: RequestFacts): ForwardReason | null {
  const { request, origin } = exchange;
  // A body that changes the answer is in no key; neither is who has logged in over the connection; what switches
  // protocols is no answer.
  if (exchange.body.length !== 0 || exchange.upgrade !== null) return "bypass";
  if (request.bindsConnection || origin.bonds != null) return "bypass";
  // Only the origin knows whether these hold (RFC 9111 section 4.3.2).
  if (facts.hasPrecondition) return "request";
  return facts.hasOverride ? "bypass" : null;
}
