/** Opens a thread's window on a memory store that the control thread has reserved. */
import type { SharedMemory } from "../../base/shared-memory.ts";
import type { CacheParts } from "../cache-parts.ts";
import { type MemoryPlace, openMemoryRegion } from "./memory-control.ts";
import { MemoryStore } from "./memory-store.ts";

/** What is opened. */
export interface MemoryStorePlace extends MemoryPlace {
  readonly maxObjectBytes: number;
}

/** What of the thread a store needs. */
export interface MemoryStoreHost {
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
}

/** @param host the thread's @param parts what its caches share */
export function openMemoryStore(
  place: MemoryStorePlace,
  host: MemoryStoreHost,
  parts: Pick<CacheParts, "clock" | "purges" | "doorbells">,
): MemoryStore {
  return new MemoryStore(openMemoryRegion(host.memory, place, host.stripes), {
    stripeIndex: host.stripeIndex,
    clock: parts.clock,
    purges: parts.purges,
    bells: parts.doorbells,
    maxObjectBytes: place.maxObjectBytes,
  });
}
