/** How a configuration fares that is followed in a store, for people and for metrics. */
export interface StoreReport {
  /** The store and the key as a URL without secrets. */
  readonly source: string;
  /** The name under which this instance writes its status. */
  readonly instance: string;
  /** The store answers. */
  readonly isUp: boolean;
  /** Since the store was last heard; null: never. */
  readonly ageSeconds: number | null;
  /** Why the store cannot be asked; null if it can. */
  readonly lastError: string | null;
  /** There is no such key. */
  readonly isMissing: boolean;
  /** What runs; null: nothing yet. */
  readonly version: string | null;
  readonly appliedAt: string | null;
  /** What runs is the copy on the disk: the store has not confirmed it. */
  readonly isCopy: boolean;
  readonly refused: { readonly version: string; readonly at: string; readonly problems: readonly string[] } | null;
}
