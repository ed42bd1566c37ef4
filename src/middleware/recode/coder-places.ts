/**
 * How many encoders and decoders there may be over all threads of a proxy: each holds memory outside of the heap, up to
 * some MiB, from the head of an answer to its end.
 */
import { SharedCount } from "../../base/shared-count.ts";
import type { ReservedRegion, SharedMemory } from "../../base/shared-memory.ts";

/** What is counted: each for itself. */
export type Coders = "encoders" | "decoders";

/** Makes the region that `CoderPlaces` looks for, or finds it. */
export function reserveCoderPlaces(key: Coders, memory: SharedMemory, stripes: number): ReservedRegion {
  const region = memory.region(key, SharedCount.byteLength(stripes));
  return {
    key,
    clearStripe: (stripeIndex) => SharedCount.clearStripe(region, stripeIndex),
    isCounting: () => SharedCount.totalOf(region) > 0,
  };
}

/** The count as one middleware of one thread sees it: all share it, each has its own idea of how many are too many. */
export class CoderPlaces {
  readonly #count: SharedCount;
  readonly #max: number;

  constructor(
    key: Coders,
    { memory, stripeIndex, stripes }: { memory: SharedMemory; stripeIndex: number; stripes: number },
    max: number,
  ) {
    this.#count = new SharedCount(memory.region(key, SharedCount.byteLength(stripes)), stripeIndex);
    this.#max = max;
  }

  /** Takes a place, unless too many are taken; then `leave` is called once. */
  enter(): boolean {
    return this.#count.enter(this.#max);
  }

  leave(): void {
    this.#count.leave();
  }

  /** How many are taken, over all threads. */
  get total(): number {
    return this.#count.total;
  }
}
