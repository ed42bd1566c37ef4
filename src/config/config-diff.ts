/** What a reload changed, as data; `diff-config.ts` finds it out. */

/**
 * The names of one kind of thing (routes, upstreams), grouped by what becomes of them. They stand in the order of the new
 * configuration; removed ones in the order of the old one.
 *
 * @example
 * ```ts
 * import type { NamedDiff } from "millrace";
 *
 * const isAnyTouched = ({ added, removed, changed }: NamedDiff): boolean =>
 *   added.length + removed.length + changed.length > 0;
 * ```
 */
export interface NamedDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
}

/**
 * What differs between the configuration before a reload and the one after it.
 *
 * @example
 * ```ts
 * import { createProxy, type ConfigDiff } from "millrace";
 *
 * const proxy = await createProxy({ listeners: [{ address: ":8080" }], routes: [{ respond: { body: "old" } }] });
 * await proxy.listen();
 * const diff: ConfigDiff = await proxy.reload({
 *   listeners: [{ address: ":8080" }],
 *   routes: [{ respond: { body: "new" } }],
 * });
 * console.log(diff.routes.changed); // ["route-1"]
 * ```
 */
export interface ConfigDiff {
  readonly listeners: NamedDiff;
  /** Routes are compared by name; see `isRouteOrderChanged` for their order. */
  readonly routes: NamedDiff;
  readonly upstreams: NamedDiff;
  /** The routes that both have are in another order. The order decides between equally specific routes. */
  readonly isRouteOrderChanged: boolean;
  /** The other top-level keys that differ: `workers`, `shutdown`, `zone`, `stores`, `overload`, `admin`, `log`. */
  readonly otherKeys: readonly string[];
  readonly isEmpty: boolean;
}
