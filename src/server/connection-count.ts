/**
 * Open client connections of a listener over all threads, exact at every moment, in the region
 * `connections:<listener>`.
 */
import { SharedCount } from "../base/shared-count.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";

const keyOf = (listenerName: string): string => `connections:${listenerName}`;

/** One thread's window on the count. */
export class ConnectionCount extends SharedCount {
  constructor(memory: SharedMemory, listenerName: string, stripeIndex: number, stripes: number) {
    super(memory.region(keyOf(listenerName), SharedCount.byteLength(stripes)), stripeIndex);
  }

  /** Makes the region, or finds it. */
  static reserve(memory: SharedMemory, listenerName: string, stripes: number): ReservedRegion {
    const region = memory.region(keyOf(listenerName), SharedCount.byteLength(stripes));
    return {
      key: keyOf(listenerName),
      clearStripe: (stripeIndex) => SharedCount.clearStripe(region, stripeIndex),
      isCounting: () => SharedCount.totalOf(region) > 0,
    };
  }
}
