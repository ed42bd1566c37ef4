/** The shared memory that middlewares need, made by the control thread before the proxy threads look for it. */
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import type { MiddlewareKind } from "./kind.ts";
import { middlewareKinds } from "./kinds.ts";
import { placeMiddlewares } from "./placed.ts";

/** A route as far as it matters here. */
interface RouteWithMiddlewares {
  readonly name: string;
  readonly middlewares: readonly object[];
}

/** Makes or finds the regions of all `routes`. @param stripes how many threads may count in them */
export function reserveForMiddlewares(
  routes: readonly RouteWithMiddlewares[],
  { memory, stripes }: { readonly memory: SharedMemory; readonly stripes: number },
  kinds: readonly MiddlewareKind[] = middlewareKinds,
): ReservedRegion[] {
  return routes.flatMap(({ name, middlewares }) =>
    placeMiddlewares(middlewares, kinds).flatMap(
      ({ kind, options, ordinal }) => kind.reserve?.(options, { routeName: name, ordinal, stripes }, memory) ?? [],
    ),
  );
}
