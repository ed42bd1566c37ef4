/**
 * Where everything of the memory store lies in its one region of shared memory: counters and the lock, entries, the
 * index of keys, the keys that were evicted lately, the blocks' map and links, and the blocks. All of it together is
 * what `maxBytes` bounds. Numbers of entries and blocks begin at 1: 0 means none. Nothing has to be written before it is
 * used but the first lines, so that the pages of a large store are touched only as it fills.
 */
import { type SharedRegion, wordsOf } from "../../base/shared-memory.ts";

export const blockBytes = 512;
/** The words of the first lines, by name. */
export const header = {
  lockOwner: 0,
  lockWaiters: 1,
  seedLow: 2,
  seedHigh: 3,
  isSetUp: 4,
  freeBlocks: 16,
  blockCursor: 17,
  draftBlocks: 18,
  /** Entries from 1 to this have been used. */
  lastEntry: 19,
  firstFreeEntry: 20,
  objects: 21,
  evictions: 22,
  expired: 23,
  hand: 24,
  /** How many keys have been remembered as evicted. */
  ghostTime: 25,
  /** Counts what is put into a queue, so that a repair finds the order again. */
  queueTime: 26,
  /** Each queue: its oldest and newest entry, its blocks and how many entries. */
  smallQueue: 32,
  mainQueue: 36,
} as const;
const headerWords = 64;

/** The slots of a bucket of the index fill a cache line. */
export const bucketSlots = 16;
/** Blocks that one counter of free blocks stands for. */
export const groupBlocks = 1_024;
const maxEntries = 0xff_ffff;
const bytesForEntry = 2_048;

/** Numbers of things, and where each begins, in words but for `dataByte`. */
export interface MemoryLayout {
  readonly byteLength: number;
  readonly stripes: number;
  readonly pinWords: number;
  readonly entryWords: number;
  readonly entries: number;
  readonly buckets: number;
  readonly ghosts: number;
  readonly blocks: number;
  readonly entriesAt: number;
  readonly indexAt: number;
  readonly ghostsAt: number;
  readonly mapAt: number;
  readonly groupsAt: number;
  readonly linksAt: number;
  readonly dataByte: number;
}

/** The words of an entry but for its pins. */
const fixedEntryWords = 20;

/** @param maxBytes of everything; at least 65,536 @param stripes how many threads there may be */
export function layOutMemory(maxBytes: number, stripes: number): MemoryLayout {
  const pinWords = Math.ceil(stripes / 32);
  const entryWords = roundUp(fixedEntryWords + pinWords, 2);
  const entries = Math.min(maxEntries, Math.max(16, Math.floor(maxBytes / bytesForEntry)));
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, entries / 8)));
  const ghosts = 2 ** Math.ceil(Math.log2(entries));
  const entriesAt = headerWords;
  const indexAt = roundUp(entriesAt + (entries + 1) * entryWords, 16);
  const ghostsAt = indexAt + buckets * bucketSlots;
  const mapAt = ghostsAt + ghosts * 2;
  // The map and the counters of groups are taken from a rough count of blocks first: a little too large is no harm.
  const mostBlocks = Math.floor((maxBytes - mapAt * 4) / (blockBytes + 8));
  const groupsAt = mapAt + Math.ceil(mostBlocks / 32);
  const linksAt = groupsAt + Math.ceil(mostBlocks / groupBlocks);
  const blocks = Math.floor((maxBytes - linksAt * 4 - 2 * blockBytes) / (blockBytes + 8) / 32) * 32;
  if (blocks < 32) throw new RangeError(`${maxBytes} bytes are too few for a store`);
  const dataByte = roundUp((linksAt + blocks * 2) * 4, 64);
  return {
    byteLength: dataByte + blocks * blockBytes,
    stripes,
    pinWords,
    entryWords,
    entries,
    buckets,
    ghosts,
    blocks,
    entriesAt,
    indexAt,
    ghostsAt,
    mapAt,
    groupsAt,
    linksAt,
    dataByte,
  };
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** The region, seen as what it holds. */
export interface MemoryViews {
  readonly layout: MemoryLayout;
  readonly header: Int32Array<SharedArrayBuffer>;
  readonly entries: Int32Array<SharedArrayBuffer>;
  readonly index: Int32Array<SharedArrayBuffer>;
  readonly ghosts: Int32Array<SharedArrayBuffer>;
  /** A bit a block: 1 = taken. */
  readonly map: Int32Array<SharedArrayBuffer>;
  /** How many blocks of each group are taken. */
  readonly groups: Int32Array<SharedArrayBuffer>;
  /** Two words a block: of the first block of a run, how long it is and which run follows. */
  readonly links: Int32Array<SharedArrayBuffer>;
  readonly data: Buffer<SharedArrayBuffer>;
}

/** Sees the region as a store of this layout. */
export function viewMemory(region: SharedRegion, layout: MemoryLayout): MemoryViews {
  const { buffer, byteOffset } = region;
  const words = wordsOf({ buffer, byteOffset, byteLength: layout.dataByte });
  return {
    layout,
    header: words.subarray(0, layout.entriesAt),
    entries: words.subarray(layout.entriesAt, layout.indexAt),
    index: words.subarray(layout.indexAt, layout.ghostsAt),
    ghosts: words.subarray(layout.ghostsAt, layout.mapAt),
    map: words.subarray(layout.mapAt, layout.mapAt + layout.blocks / 32),
    groups: words.subarray(layout.groupsAt, layout.linksAt),
    links: words.subarray(layout.linksAt, layout.linksAt + layout.blocks * 2),
    data: Buffer.from(buffer, byteOffset + layout.dataByte, layout.blocks * blockBytes),
  };
}
