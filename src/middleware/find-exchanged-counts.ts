/** Finds what the middlewares of a configuration count that instances tell each other. In the control thread. */
import type { ExchangedCounts } from "../store/exchange/exchanged-counts.ts";
import type { StoresOptions } from "../store/options.ts";
import type { MiddlewareKind } from "./kind.ts";
import { middlewareKinds } from "./kinds.ts";
import { placeMiddlewares } from "./placed.ts";

/** Finds the counts of `routes` that are told through `stores`, each name once. */
export function findExchangedCounts(
  routes: readonly { readonly name: string; readonly middlewares: readonly object[] }[],
  stores: StoresOptions,
  kinds: readonly MiddlewareKind[] = middlewareKinds,
): ExchangedCounts[] {
  // Most configurations have no such store, and may have ten thousand routes.
  if (!Object.values(stores).some(isExchangedThrough)) return [];
  const found = new Map<string, ExchangedCounts>();
  for (const { name: routeName, middlewares } of routes)
    for (const { kind, options, ordinal } of placeMiddlewares(middlewares, kinds)) {
      const counts = kind.exchangeCounts?.(options, { routeName, ordinal }) ?? null;
      const store = counts === null ? undefined : stores[counts.store];
      if (counts !== null && store !== undefined && isExchangedThrough(store)) found.set(counts.name, counts);
    }
  return [...found.values()];
}

/** Those that are too slow to be asked about each request. */
function isExchangedThrough({ etcd, consul }: StoresOptions[string]): boolean {
  return etcd !== null || consul !== null;
}
