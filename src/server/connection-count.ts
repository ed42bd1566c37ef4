/** Open client connections of a listener over all threads, exact at every moment, in the region `connections:<listener>`. */
import { SharedCount } from "../base/shared-count.ts";
import type { SharedMemory } from "../base/shared-memory.ts";

/** One thread's window on the count. */
export class ConnectionCount extends SharedCount {
  readonly #region: SharedArrayBuffer;

  constructor(memory: SharedMemory, listenerName: string, stripeIndex: number, stripes: number) {
    const region = memory.region(ConnectionCount.key(listenerName), SharedCount.byteLength(stripes));
    super(region, stripeIndex);
    this.#region = region;
  }

  static key(listenerName: string): string {
    return `connections:${listenerName}`;
  }

  /** Takes a dead thread's connections out. Call it when the thread has ended, before its successor starts. */
  clearStripe(stripeIndex: number): void {
    SharedCount.clearStripe(this.#region, stripeIndex);
  }
}
