/** What a reload changes: a new configuration compared with the running one, thing by thing. */
import { isDeepStrictEqual } from "node:util";
import { TimeSlices } from "../base/time-slices.ts";
import type { ConfigDiff, NamedDiff } from "./config-diff.ts";
import type { Config } from "./schema.ts";

/** Compares two configurations in normal form, in slices. */
export async function diffConfig(old: Config, next: Config, slices = new TimeSlices()): Promise<ConfigDiff> {
  const listeners = await diffNamed(byName(old.listeners), byName(next.listeners), slices);
  const routes = await diffNamed(byName(old.routes), byName(next.routes), slices);
  const upstreams = await diffNamed(
    new Map(Object.entries(old.upstreams)),
    new Map(Object.entries(next.upstreams)),
    slices,
  );
  const oldNames = new Set(old.routes.map((route) => route.name));
  const nextNames = new Set(next.routes.map((route) => route.name));
  const isRouteOrderChanged = !isDeepStrictEqual(
    old.routes.map((route) => route.name).filter((name) => nextNames.has(name)),
    next.routes.map((route) => route.name).filter((name) => oldNames.has(name)),
  );
  const otherKeys = (["workers", "shutdown", "zone", "stores", "overload", "admin", "log"] as const).filter(
    (key) => !isDeepStrictEqual(old[key], next[key]),
  );
  const isEmpty =
    [listeners, routes, upstreams].every(
      (diff) => diff.added.length + diff.removed.length + diff.changed.length === 0,
    ) &&
    !isRouteOrderChanged &&
    otherKeys.length === 0;
  return { listeners, routes, upstreams, isRouteOrderChanged, otherKeys, isEmpty };
}

/**
 * A difference in one line: `routes: 1 changed, 2 unchanged; upstreams: 1 added`; `nothing changed` if that is so.
 */
export function describeDiff(diff: ConfigDiff): string {
  if (diff.isEmpty) return "nothing changed";
  const parts: string[] = [];
  for (const kind of ["listeners", "routes", "upstreams"] as const) {
    const counts = (["added", "removed", "changed", "unchanged"] as const)
      .filter((what) => diff[kind][what].length > 0)
      .map((what) => `${diff[kind][what].length} ${what}`);
    if (counts.length > 1 || (counts.length === 1 && diff[kind].unchanged.length === 0))
      parts.push(`${kind}: ${counts.join(", ")}`);
  }
  if (diff.isRouteOrderChanged) parts.push("the order of the routes changed");
  if (diff.otherKeys.length > 0) parts.push(`${diff.otherKeys.join(", ")} changed`);
  return parts.join("; ");
}

function byName<Entry extends { name: string }>(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

async function diffNamed(
  old: ReadonlyMap<string, unknown>,
  next: ReadonlyMap<string, unknown>,
  slices: TimeSlices,
): Promise<NamedDiff> {
  const added: string[] = [];
  const changed: string[] = [];
  const unchanged: string[] = [];
  for (const [name, value] of next) {
    if (!old.has(name)) added.push(name);
    else if (isDeepStrictEqual(old.get(name), value)) unchanged.push(name);
    else changed.push(name);
    const pause = slices.pause();
    if (pause !== null) await pause;
  }
  return { added, removed: [...old.keys()].filter((name) => !next.has(name)), changed, unchanged };
}
