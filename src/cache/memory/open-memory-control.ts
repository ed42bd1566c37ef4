/** The memory store as purges and the status need it. */
import { systemClock } from "../../base/clock.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import type { StoreControl, StoreControlHost } from "../store-control.ts";
import { MemoryControl, type MemoryPlace, openMemoryRegion } from "./memory-control.ts";

/** Opens the control thread's part of a store whose region is reserved. */
export function openMemoryControl(
  place: MemoryPlace,
  { memory, stripes }: Pick<StoreControlHost, "memory" | "stripes">,
): StoreControl {
  const clock = SteadyClock.open(memory, systemClock);
  const control = new MemoryControl(place.name, openMemoryRegion(memory, place, stripes), clock);
  return {
    name: place.name,
    sweep: (round) => control.sweep(round),
    fill: () => {
      const { objects, storedBytes, evictions } = control.use;
      return { objects, bytes: storedBytes, maxBytes: place.maxBytes, evictions };
    },
    close: () => {},
  };
}
