/**
 * Reads the heads of entries: the key, and what is said of the answer. A head may be written anew while it is read, so
 * its version and the entry's generation are looked at before and after; the bytes between are a copy. Some thousand
 * heads that were read lately are kept as objects, each valid for one generation and version of its entry: a hit that
 * this thread has seen before reads no bytes.
 */
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { readStoredAnswer } from "../stored-answer-bytes.ts";
import type { BlockPool } from "./block-pool.ts";
import { type EntryTable, entryWord } from "./entry-table.ts";

/** The longest head: a record of 32 variants with keys of 16 KiB has half of it. */
export const maxHeadBytes = 1_048_576;
const places = 2_048;
/** Larger ones are read each time, so that what a thread keeps stays at some 4 MiB. */
const maxKeptBytes = 2_048;
const tries = 3;

/** A head as it was read. */
export interface StoredHead {
  readonly entry: number;
  readonly generation: number;
  readonly version: number;
  readonly key: string;
  readonly answer: StoredAnswer;
}

/** Reads heads for one thread. */
export class StoredHeads {
  readonly #entries: EntryTable;
  readonly #blocks: BlockPool;
  readonly #kept: (StoredHead | null)[] = Array.from({ length: places }, () => null);
  #scratch = Buffer.allocUnsafeSlow(maxKeptBytes);

  constructor(entries: EntryTable, blocks: BlockPool) {
    this.#entries = entries;
    this.#blocks = blocks;
  }

  /** The head of `entry`; null if it changes too often to be read, or was freed meanwhile. */
  read(entry: number): StoredHead | null {
    const { words, stride } = this.#entries;
    const at = entry * stride;
    for (let round = 0; round < tries; round++) {
      const version = Atomics.load(words, at + entryWord.headVersion);
      const generation = Atomics.load(words, at + entryWord.generation);
      const kept = this.#kept[entry & (places - 1)]!;
      if (kept !== null && kept.entry === entry && kept.generation === generation && kept.version === version)
        return kept;
      if ((version & 1) === 1) continue;
      const first = Atomics.load(words, at + entryWord.head);
      const length = Atomics.load(words, at + entryWord.headBytes);
      const keyBytes = Atomics.load(words, at + entryWord.keyBytes);
      if (first === 0 || length <= 0 || length > maxHeadBytes) continue;
      if (length > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(length);
      const isRead = this.#blocks.read(first, 0, length, this.#scratch);
      const isSame =
        isRead &&
        // Not a load: on some processors what was copied before could be read after it.
        Atomics.or(words, at + entryWord.headVersion, 0) === version &&
        Atomics.load(words, at + entryWord.generation) === generation;
      if (!isSame) continue;
      const answer = readStoredAnswer(this.#scratch.subarray(keyBytes, length));
      if (answer === null) return null;
      const head = { entry, generation, version, key: this.#scratch.latin1Slice(0, keyBytes), answer };
      if (length <= maxKeptBytes) this.#kept[entry & (places - 1)] = head;
      return head;
    }
    return null;
  }
}
