/**
 * The shared memory that middlewares need, made by the control thread before a configuration goes to the proxy threads.
 */
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import type { RateLimitOptions } from "./rate-limit/options.ts";
import { limitName, rateLimitRegionKey, reserveRateLimit } from "./rate-limit/rate-limit.ts";

/** A route as far as it matters here. */
interface RouteWithMiddlewares {
  readonly name: string;
  readonly middlewares: readonly object[];
}

/** Makes or finds the regions of all `routes`. */
export function reserveForMiddlewares(routes: readonly RouteWithMiddlewares[], memory: SharedMemory): ReservedRegion[] {
  return routes.flatMap(({ name, middlewares }) => {
    const limits = middlewares.flatMap((middleware) =>
      "rateLimit" in middleware ? [middleware.rateLimit as RateLimitOptions] : [],
    );
    return limits.flatMap((options, ordinal) => {
      if (options.store !== "local") return [];
      const limit = limitName(name, ordinal, options);
      reserveRateLimit(memory, limit, options);
      return [{ key: rateLimitRegionKey(limit, options), clearStripe: null }];
    });
  });
}
