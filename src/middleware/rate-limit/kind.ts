/** The `rateLimit` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { createRateLimitSchema } from "./options.ts";
import { createRateLimit, limitName, rateLimitRegionKey, reserveRateLimit } from "./rate-limit.ts";

/** In etcd and Consul each request would be a write that a majority agrees on: what they are not made for. */
function refuseStore(store: unknown): string | null {
  if (["memory", "disk"].some((key) => Object.hasOwn(Object(store), key)))
    return 'a rate limit cannot be counted in a store that is for caches; count in Redis, or in each instance ("local")';
  const kind = ["etcd", "consul"].find((key) => Object.hasOwn(Object(store), key));
  return kind === undefined
    ? null
    : `a rate limit cannot be counted in ${kind === "etcd" ? "etcd" : "Consul"}: every request would be a write that a majority of its servers has to agree on; count in Redis, or in each instance ("local")`;
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
  findReferences(written) {
    const name = (written as { store?: unknown } | null)?.store;
    if (typeof name !== "string") return [];
    return [{ section: "stores", name, alwaysKnown: ["local"], path: ["store"], refuse: refuseStore }];
  },
  goesByClientAddress: ({ key }) => key === "clientIp",
};
