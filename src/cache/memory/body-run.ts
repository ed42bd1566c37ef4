/** Where a reader or writer is in the body of an entry: a place in one of its runs of blocks. It only goes forward. */
import type { BlockPool } from "./block-pool.ts";
import { type EntryTable, entryWord } from "./entry-table.ts";

/** Goes through a body whose entry is pinned. */
export class BodyRun {
  readonly #blocks: BlockPool;
  readonly #entries: EntryTable;
  readonly #entry: number;
  /** 0 = at the beginning, where there may be nothing yet. */
  #run = 0;
  #startsAt = 0;

  constructor(blocks: BlockPool, entries: EntryTable, entry: number) {
    this.#blocks = blocks;
    this.#entries = entries;
    this.#entry = entry;
  }

  /** Copies bytes that are there to the start of `target`. @param at not before where the last copy began */
  copy(at: number, length: number, target: Buffer): boolean {
    if (this.#run === 0)
      this.#run = Atomics.load(this.#entries.words, this.#entry * this.#entries.stride + entryWord.body);
    for (;;) {
      if (this.#run === 0) return false;
      const bytes = this.#blocks.runBytes(this.#run);
      if (at < this.#startsAt + bytes) break;
      this.#startsAt += bytes;
      this.#run = this.#blocks.nextRun(this.#run);
    }
    return this.#blocks.read(this.#run, at - this.#startsAt, length, target);
  }
}
