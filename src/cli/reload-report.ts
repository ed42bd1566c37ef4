/** What a configuration holds, and what a reload changed, in words. */
import type { ConfigDiff } from "../config/diff-config.ts";
import type { Config } from "../config/schema.ts";

/** `2 listeners, 3 routes, 1 upstream with 4 endpoints`. */
export function describeConfig(config: Config): string {
  const upstreams = Object.values(config.upstreams);
  const endpointCount = upstreams.reduce((sum, upstream) => sum + upstream.endpoints.length, 0);
  return `${countOf(config.listeners.length, "listener")}, ${countOf(config.routes.length, "route")}, ${countOf(upstreams.length, "upstream")} with ${countOf(endpointCount, "endpoint")}`;
}

/** `1 route changed, 2 unchanged; 1 upstream added`, or `nothing changed`. */
export function describeDiff(diff: ConfigDiff): string {
  const parts: string[] = [];
  for (const [word, part] of [["listener", diff.listeners], ["route", diff.routes], ["upstream", diff.upstreams]] as const) {
    const changes = (["added", "removed", "changed"] as const).filter((kind) => part[kind].length > 0);
    if (changes.length === 0) continue;
    const [first, ...others] = changes.map((kind) => ({ kind, count: part[kind].length }));
    if (first === undefined) continue;
    const more = [...others.map(({ kind, count }) => `${count} ${kind}`), ...(part.unchanged.length > 0 ? [`${part.unchanged.length} unchanged`] : [])];
    parts.push([`${countOf(first.count, word)} ${first.kind}`, ...more].join(", "));
  }
  if (diff.other.length > 0) parts.push(`${diff.other.join(", ")} changed`);
  return parts.length === 0 ? "nothing changed" : parts.join("; ");
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
