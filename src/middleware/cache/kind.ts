/** The `cache` middleware as a kind. */
import { refuseCacheStore } from "../../cache/cache-place.ts";
import type { MiddlewareKind } from "../kind.ts";
import { createCache } from "./cache.ts";
import { createCacheSchema } from "./options.ts";
import { compileQueryFilter } from "./query-filter.ts";

/** `cache`: stores answers, and answers from what is stored. */
export const cacheKind: MiddlewareKind<"cache", typeof createCacheSchema> = {
  key: "cache",
  about: "Stores answers and answers from what is stored, as a shared cache (RFC 9111).",
  createSchema: createCacheSchema,
  create: createCache,
  cacheUse: ({ store, maxBytes, maxObjectBytes, key }) => ({
    store,
    maxBytes,
    maxObjectBytes,
    filterUrl: compileQueryFilter(key),
  }),
  findReferences(written) {
    const name = (written as { store?: unknown } | null)?.store;
    if (typeof name !== "string") return [];
    return [{ section: "stores", name, alwaysKnown: ["memory"], path: ["store"], refuse: refuseCacheStore }];
  },
  findOddities({ allowSetCookie, allowAuthorization, key }, { routeName, keysBehind }) {
    const oddities: string[] = [];
    if (keysBehind.includes("rateLimit"))
      oddities.push(
        `the rate limit of route ${routeName} stands behind \`cache\`, so it counts only requests that the cache does not answer; to count all of them, write it before`,
      );
    if (allowSetCookie)
      oddities.push(
        `the cache of route ${routeName} gives everybody the cookie that the first client was given (\`allowSetCookie\`)`,
      );
    if (allowAuthorization && !key.headers.includes("authorization"))
      oddities.push(
        `the cache of route ${routeName} may give everybody what one user may see (\`allowAuthorization\`); name authorization in \`key.headers\`, or have the origin say what is \`public\``,
      );
    return oddities;
  },
  findUselessParts: () => [{ path: [], consequence: "there is nothing to store: answers of the proxy itself are not" }],
};
