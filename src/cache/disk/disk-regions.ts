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
  readonly path: string;
  readonly maxBytes: number;
}

/** The regions of the folder `path`, made if they are not there yet. */
export function diskRegions(memory: SharedMemory, { path, maxBytes }: DiskPlace, stripes: number): DiskRegions {
  const [index, drafts, work] = regionKeys({ path, maxBytes });
  return {
    index: memory.region(index, DiskIndex.regionBytes(maxBytes, stripes)),
    drafts: memory.region(drafts, DraftTable.regionBytes),
    work: memory.region(work, DiskWork.regionBytes(stripes)),
  };
}

function regionKeys({ path, maxBytes }: DiskPlace): [index: string, drafts: string, work: string] {
  const name = `cache-disk:${maxBytes}:${path}`;
  return [`${name}:index`, `${name}:drafts`, `${name}:work`];
}

/**
 * Makes the regions, in the control thread.
 * @param ring wakes threads: those that read what a dead one was writing
 */
export function reserveDisk(
  memory: SharedMemory,
  place: DiskPlace,
  stripes: number,
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
