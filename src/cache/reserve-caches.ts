/** The shared memory of caches, made by the control thread before the proxy threads look for it. */
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import { SteadyClock } from "../base/steady-clock.ts";
import type { CachePlace } from "./cache-place.ts";
import { reserveDisk } from "./disk/disk-regions.ts";
import { Doorbells } from "./fill/doorbells.ts";
import { Fills } from "./fill/fills.ts";
import { reserveMemoryStore } from "./memory/reserve-memory-store.ts";
import { InvalidationMarks } from "./purge/invalidation-marks.ts";
import { PurgeLog } from "./purge/purge-log.ts";
import { stagingOf } from "./redis/staging.ts";

/** Where regions are made. */
interface RegionPlace {
  readonly memory: SharedMemory;
  /** How many threads use them. */
  readonly stripes: number;
}

/** What all caches share, whatever places they use. */
const sharedFeatures: readonly ((place: RegionPlace) => readonly ReservedRegion[])[] = [
  ({ memory }) => [SteadyClock.reserve(memory), PurgeLog.reserve(memory), InvalidationMarks.reserve(memory)],
  ({ memory, stripes }) => [Doorbells.reserve(memory, stripes), Fills.reserve(memory, stripes)],
];

/** Makes or finds the regions of `places`, and of what all caches share. Without a place there are none. */
export function reserveCaches(places: readonly CachePlace[], regions: RegionPlace): ReservedRegion[] {
  if (places.length === 0) return [];
  return [
    ...sharedFeatures.flatMap((reserve) => reserve(regions)),
    ...places.flatMap((place) => reservePlace(place, regions)),
  ];
}

/** The regions of one place. */
function reservePlace(place: CachePlace, regions: RegionPlace): readonly ReservedRegion[] {
  switch (place.kind) {
    case "memory":
      return [reserveMemoryStore(place, regions)];
    case "redis":
      return [reserveMemoryStore(stagingOf(place), regions)];
    case "disk": {
      const doorbells = Doorbells.open(regions.memory, 0, regions.stripes);
      const { name, options } = place;
      return reserveDisk({ name, ...options }, regions, (mask) => doorbells.ring(mask));
    }
  }
}
