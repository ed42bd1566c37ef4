/** Which places for answers the middlewares of a configuration use. */
import type { CacheUse } from "../cache/cache-place.ts";
import type { MiddlewareKind } from "./kind.ts";
import { middlewareKinds } from "./kinds.ts";
import { placeMiddlewares } from "./placed.ts";

/** What each middleware of `routes` that keeps answers says of their place. */
export function findCacheUses(
  routes: readonly { readonly middlewares: readonly object[] }[],
  kinds: readonly MiddlewareKind[] = middlewareKinds,
): CacheUse[] {
  const keeping = kinds.filter(({ cacheUse }) => cacheUse !== undefined);
  if (keeping.length === 0) return [];
  return routes.flatMap(({ middlewares }) =>
    placeMiddlewares(middlewares, kinds).flatMap(({ kind, options }) => kind.cacheUse?.(options) ?? []),
  );
}
