/**
 * A directory of shared regions as it is posted to a thread: a few arrays and one text, however many keys there are. A
 * thread looks up the few that it needs; fifty thousand entries of a Map for each configuration would cost each thread
 * more than all the rest of it. Immutable. The hash table is no target: its keys are names from the configuration.
 */
import { hash32 } from "./hash.ts";

/** A stretch of shared memory. It begins on a cache line of its own. */
export interface SharedRegion {
  readonly buffer: SharedArrayBuffer;
  /** Where it begins in `buffer`: a multiple of 64. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What is posted to a proxy thread: the directory, or a part of it. */
export interface SharedSnapshot {
  readonly buffers: readonly SharedArrayBuffer[];
  /** All keys, one behind the other. */
  readonly text: string;
  /** For each key four numbers: its buffer, its first byte there, its length, and where the key ends in `text`. */
  readonly entries: Float64Array<SharedArrayBuffer>;
  /** By hash: the number of a key plus one, or 0. The next place follows if a place is taken. */
  readonly table: Uint32Array<SharedArrayBuffer>;
}

const entryWords = 4;
const endWord = 3;

/** Writes the directory of `regions`, whose keys are unique. */
export function writeSnapshot(regions: readonly (readonly [key: string, region: SharedRegion])[]): SharedSnapshot {
  // At most half full, so that a look-up takes few steps.
  const table = sharedWords(2 ** Math.ceil(Math.log2(regions.length * 2 + 2)));
  // A region may be larger than 32 bits can say.
  const entries = new Float64Array(new SharedArrayBuffer(regions.length * entryWords * 8));
  const buffers = new Map<SharedArrayBuffer, number>();
  const keys: string[] = [];
  let end = 0;
  for (const [at, [key, { buffer, byteOffset, byteLength }]] of regions.entries()) {
    const number = buffers.get(buffer) ?? buffers.size;
    if (number === buffers.size) buffers.set(buffer, number);
    end += key.length;
    keys.push(key);
    entries.set([number, byteOffset, byteLength, end], at * entryWords);
    let place = hash32(key) & (table.length - 1);
    while (table[place] !== 0) place = (place + 1) & (table.length - 1);
    table[place] = at + 1;
  }
  return { buffers: [...buffers.keys()], text: keys.join(""), entries, table };
}

/** Reads a snapshot. */
export class SharedDirectory {
  readonly #snapshot: SharedSnapshot;

  constructor(snapshot: SharedSnapshot) {
    this.#snapshot = snapshot;
  }

  /** The region `key`, or null. */
  find(key: string): SharedRegion | null {
    const { table } = this.#snapshot;
    const mask = table.length - 1;
    for (let place = hash32(key) & mask; table[place] !== 0; place = (place + 1) & mask) {
      const at = table[place]! - 1;
      if (this.#keyAt(at) === key) return this.#regionAt(at);
    }
    return null;
  }

  /** All keys and their regions. */
  *[Symbol.iterator](): Generator<readonly [key: string, region: SharedRegion]> {
    const count = this.#snapshot.entries.length / entryWords;
    for (let at = 0; at < count; at++) yield [this.#keyAt(at), this.#regionAt(at)];
  }

  #keyAt(at: number): string {
    const { text, entries } = this.#snapshot;
    const start = at === 0 ? 0 : entries[(at - 1) * entryWords + endWord]!;
    return text.slice(start, entries[at * entryWords + endWord]!);
  }

  #regionAt(at: number): SharedRegion {
    const { buffers, entries } = this.#snapshot;
    const first = at * entryWords;
    return { buffer: buffers[entries[first]!]!, byteOffset: entries[first + 1]!, byteLength: entries[first + 2]! };
  }
}

function sharedWords(count: number): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(new SharedArrayBuffer(count * 4));
}
