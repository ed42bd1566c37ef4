/** The `rateLimit` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { createRateLimitSchema } from "./options.ts";
import { createRateLimit, limitName, rateLimitRegionKey, reserveRateLimit } from "./rate-limit.ts";

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
    return typeof name === "string" ? [{ section: "stores", name, alwaysKnown: ["local"], path: ["store"] }] : [];
  },
  goesByClientAddress: ({ key }) => key === "clientIp",
};
