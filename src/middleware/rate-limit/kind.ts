/** The `rateLimit` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { exchangeLimit } from "./exchanged-limits.ts";
import { createRateLimitSchema } from "./options.ts";
import { limitName, rateLimitRegionKey, reserveRateLimit } from "./limit-region.ts";
import { createRateLimit } from "./rate-limit.ts";

/** What only caches use has no counts. */
function refuseStore(store: unknown): string | null {
  return ["memory", "disk"].some((key) => Object.hasOwn(Object(store), key))
    ? 'a rate limit cannot be counted in a store that is for caches; share it through Redis, etcd or Consul, or count in each instance ("local")'
    : null;
}

/** `rateLimit`: answers 429 to whoever asks too often. */
export const rateLimitKind: MiddlewareKind<"rateLimit", typeof createRateLimitSchema> = {
  key: "rateLimit",
  about: "Answers 429 to whoever asks too often, before the body is read.",
  createSchema: createRateLimitSchema,
  create: createRateLimit,
  reserve(options, { routeName, ordinal }, memory) {
    if (options.store !== "local") return [];
    const limit = limitName(routeName, ordinal, options);
    reserveRateLimit(memory, limit, options);
    return [{ key: rateLimitRegionKey(limit, options), clearStripe: null }];
  },
  exchangeCounts: (options, { routeName, ordinal }) => exchangeLimit(limitName(routeName, ordinal, options), options),
  findReferences(written) {
    const name = (written as { store?: unknown } | null)?.store;
    if (typeof name !== "string") return [];
    return [{ section: "stores", name, alwaysKnown: ["local"], path: ["store"], refuse: refuseStore }];
  },
  goesByClientAddress: ({ key }) => key === "clientIp",
};
