/** The list of route targets. What is not in it does not exist; the order is that of the reference. */
import { redirectTarget } from "./redirect.ts";
import { respondTarget } from "./respond.ts";
import type { RouteTarget } from "./target.ts";
import { upstreamTarget } from "./upstream.ts";

/** All targets; a route has exactly one. */
export const routeTargets = [upstreamTarget, redirectTarget, respondTarget] as const satisfies readonly RouteTarget[];

/** A route's target with its options in normal form. */
export interface ChosenTarget {
  readonly target: RouteTarget;
  readonly options: unknown;
}

/**
 * Finds the target of a route.
 * @param route in normal form: one of the targets' keys is not null
 * @throws Error if all are
 */
export function targetOf(route: object, targets: readonly RouteTarget[] = routeTargets): ChosenTarget {
  for (const target of targets) {
    const options: unknown = (route as Readonly<Record<string, unknown>>)[target.key] ?? null;
    if (options !== null) return { target, options };
  }
  throw new Error("nobody answers for the route");
}
