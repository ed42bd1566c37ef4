/** What a middleware counts that instances tell each other through a store, as the control thread sees it. */
import type { ReservedRegion, SharedMemory } from "../../base/shared-memory.ts";
import type { LimitCounts } from "./count-exchange.ts";

/** The counts of one middleware. */
export interface ExchangedCounts {
  /** The same in all instances. Counts of the same name are the same counts. */
  readonly name: string;
  /** The name of the store that they are told through. */
  readonly store: string;
  /** Makes or finds the shared memory that the middleware will look for. */
  reserve(memory: SharedMemory): readonly ReservedRegion[];
  /** The counts, in the memory that was reserved. */
  open(memory: SharedMemory): LimitCounts;
}
