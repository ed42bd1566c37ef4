/** What a configuration holds, in words. */
import type { Config } from "../config/schema.ts";

/** `2 listeners, 3 routes, 1 upstream with 4 endpoints`. */
export function describeConfig(config: Config): string {
  const upstreams = Object.values(config.upstreams);
  const endpointCount = upstreams.reduce((sum, upstream) => sum + upstream.endpoints.length, 0);
  const discoveredCount = upstreams.filter(({ discovery }) => discovery !== null).length;
  const parts = [countOf(config.listeners.length, "listener"), countOf(config.routes.length, "route")];
  if (upstreams.length > 0)
    parts.push(
      `${countOf(upstreams.length, "upstream")} with ${countOf(endpointCount, "endpoint")}${discoveredCount === 0 ? "" : ` and ${discoveredCount === 1 ? "a discovery" : `${discoveredCount} discoveries`}`}`,
    );
  return parts.join(", ");
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
