/** The `cache` middleware as a kind. */
import { refuseCacheStore } from "../../cache/cache-place.ts";
import type { MiddlewareKind } from "../kind.ts";
import { createCache } from "./cache.ts";
import { createCacheSchema } from "./options.ts";

/** `cache`: stores answers, and answers from what is stored. */
export const cacheKind: MiddlewareKind<"cache", typeof createCacheSchema> = {
  key: "cache",
  about: "Stores answers and answers from what is stored, as a shared cache (RFC 9111).",
  createSchema: createCacheSchema,
  create: createCache,
  cacheUse: ({ store, maxBytes, maxObjectBytes }) => ({ store, maxBytes, maxObjectBytes }),
  findReferences(written) {
    const name = (written as { store?: unknown } | null)?.store;
    if (typeof name !== "string") return [];
    return [{ section: "stores", name, alwaysKnown: ["memory"], path: ["store"], refuse: refuseCacheStore }];
  },
  findUselessParts: () => [{ path: [], consequence: "there is nothing to store: answers of the proxy itself are not" }],
};
