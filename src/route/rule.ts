/**
 * A rule: one route under one of its host patterns, at its place in the one order that decides between routes. The
 * order: explicit priority (higher first); then the host (exact, then the longer wildcard, then any); then the path
 * (exact, then the longer prefix, then any); then the number of other matchers; then the order of declaration.
 */
import type { Exchange } from "../http/exchange.ts";
import type { HostPattern } from "./host-pattern.ts";
import type { Condition } from "./match-conditions.ts";
import type { PathPattern } from "./path-pattern.ts";

/** One route under one host pattern. */
export class Rule<T> {
  /** The route's place in the declaration, from 0. */
  readonly routeIndex: number;
  readonly value: T;
  readonly priority: number;
  readonly host: HostPattern;
  readonly path: PathPattern;
  readonly conditions: readonly Condition[];
  /** Its place among all rules of the router; lower is better. Set once, when the rules are sorted. */
  rank = 0;

  constructor(
    route: { routeIndex: number; value: T; priority: number; path: PathPattern; conditions: readonly Condition[] },
    host: HostPattern,
  ) {
    this.routeIndex = route.routeIndex;
    this.value = route.value;
    this.priority = route.priority;
    this.host = host;
    this.path = route.path;
    this.conditions = route.conditions;
  }

  /** Do the matchers beyond host and path hold? */
  holds(exchange: Exchange): boolean {
    const conditions = this.conditions;
    for (let at = 0; at < conditions.length; at++) if (conditions[at]?.holds(exchange) === false) return false;
    return true;
  }
}

/** Sorts better rules first. */
export function compareRules<T>(a: Rule<T>, b: Rule<T>): number {
  return (
    b.priority - a.priority ||
    hostSpecificity(b.host) - hostSpecificity(a.host) ||
    pathSpecificity(b.path) - pathSpecificity(a.path) ||
    b.conditions.length - a.conditions.length ||
    a.routeIndex - b.routeIndex
  );
}

/** Longer than any host or path. */
const exactly = 1_000_000;

function hostSpecificity(host: HostPattern): number {
  return host.kind === "exact" ? exactly : host.text.length;
}

function pathSpecificity(path: PathPattern): number {
  return path.kind === "exact" ? exactly : path.text.length;
}
