/** From the items of a route's list to their kinds. */
import type { MiddlewareKind } from "./kind.ts";

/** An item of a route's list with its kind. */
export interface PlacedMiddleware {
  readonly kind: MiddlewareKind;
  /** In normal form, of that kind. */
  readonly options: unknown;
  /** How many of the same kind stand before it. */
  readonly ordinal: number;
}

/**
 * Finds the kind of each item, in their order.
 * @param items in normal form: objects with one key
 * @throws Error if an item is of none of `kinds`
 */
export function placeMiddlewares(items: readonly object[], kinds: readonly MiddlewareKind[]): PlacedMiddleware[] {
  const counts = new Map<MiddlewareKind, number>();
  return items.map((item) => {
    const [key, options] = Object.entries(item)[0] ?? [];
    const kind = kinds.find((one) => one.key === key);
    if (kind === undefined) throw new Error(`there is no middleware "${key}"`);
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    return { kind, options, ordinal };
  });
}
