/** The memory store in the control thread, as a configuration asks for it. */
import { systemClock } from "../../base/clock.ts";
import type { ReservedRegion, SharedMemory } from "../../base/shared-memory.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import { Doorbells } from "../fill/doorbells.ts";
import { MemoryControl, type MemoryPlace } from "./memory-control.ts";

/** Makes or finds the region of `place`. The clock and the doorbells of the process are there already. */
export function reserveMemoryStore(
  place: MemoryPlace,
  { memory, stripes }: { readonly memory: SharedMemory; readonly stripes: number },
): ReservedRegion {
  const doorbells = Doorbells.open(memory, 0, stripes);
  return MemoryControl.reserve(memory, place, {
    stripes,
    clock: SteadyClock.open(memory, systemClock),
    ring: (mask) => doorbells.ring(mask),
  });
}
