/** The shared memory of a store on a disk. */
import type { ReservedRegion, SharedMemory, SharedRegion } from "../../base/shared-memory.ts";
import { DiskIndex } from "./disk-index.ts";
import { DiskWork } from "./disk-work.ts";
import { DraftTable } from "./draft-table.ts";

/** Its regions. */
export interface DiskRegions {
  readonly index: SharedRegion;
  readonly drafts: SharedRegion;
  readonly work: SharedRegion;
}

/** What says how large they are, and which they are. */
export interface DiskPlace {
  /** Of the store. */
  readonly name: string;
  readonly path: string;
  readonly maxBytes: number;
}

/** The regions of a store, made if they are not there yet. */
export function diskRegions(memory: SharedMemory, place: DiskPlace, stripes: number): DiskRegions {
  const [index, drafts, work] = regionKeys(place);
  return {
    index: memory.region(index, DiskIndex.regionBytes(place.maxBytes, stripes)),
    drafts: memory.region(drafts, DraftTable.regionBytes),
    work: memory.region(work, DiskWork.regionBytes(stripes)),
  };
}

function regionKeys({ name, path, maxBytes }: DiskPlace): [index: string, drafts: string, work: string] {
  const key = `cache-disk:${name}:${maxBytes}:${path}`;
  return [`${key}:index`, `${key}:drafts`, `${key}:work`];
}

/**
 * Makes the regions, in the control thread.
 * @param ring wakes threads: those that read what a dead one was writing
 */
export function reserveDisk(
  place: DiskPlace,
  { memory, stripes }: { readonly memory: SharedMemory; readonly stripes: number },
  ring: (mask: number) => void,
): ReservedRegion[] {
  const regions = diskRegions(memory, place, stripes);
  const [index, drafts, work] = regionKeys(place);
  const { maxBytes } = place;
  const parts = { maxBytes, stripeIndex: -1, stripes, now: () => Date.now() / 1_000 };
  return [
    {
      key: index,
      clearStripe: (stripe) => new DiskIndex(regions.index, parts).clearStripe(stripe),
    },
    { key: drafts, clearStripe: (stripe) => ring(new DraftTable(regions.drafts, -1).clearStripe(stripe)) },
    { key: work, clearStripe: (stripe) => DiskWork.clearStripe(regions.work, stripe) },
  ];
}
