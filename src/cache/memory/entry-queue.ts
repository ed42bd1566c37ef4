/** A queue of entries, oldest first, as links in the entries themselves. All of it needs the lock. */
import { type EntryTable, entryWord } from "./entry-table.ts";
import { header, type MemoryViews } from "./memory-layout.ts";

const oldest = 0;
const newest = 1;
const blocks = 2;
const count = 3;

/** One thread's window on a queue. */
export class EntryQueue {
  readonly #header: Int32Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #stride: number;

  /** @param at where the queue is in the header */
  constructor(views: MemoryViews, entries: EntryTable, at: number) {
    this.#header = views.header;
    this.#at = at;
    this.#words = entries.words;
    this.#stride = entries.stride;
  }

  /** 0 = it is empty. */
  get oldest(): number {
    return this.#header[this.#at + oldest]!;
  }

  /** What is charged to all entries in it. */
  get blocks(): number {
    return this.#header[this.#at + blocks]!;
  }

  get count(): number {
    return this.#header[this.#at + count]!;
  }

  /** Which queue `entry` is in: as `at` says; 0 = none. */
  static of(entries: EntryTable, entry: number): number {
    return entries.words[entry * entries.stride + entryWord.queue]!;
  }

  /** Empties it, without a look at the entries. */
  reset(): void {
    this.#header.fill(0, this.#at, this.#at + 4);
  }

  /** Puts `entry`, which is in no queue, behind the newest. */
  add(entry: number): void {
    const words = this.#words;
    const at = entry * this.#stride;
    const last = this.#header[this.#at + newest]!;
    words[at + entryWord.older] = last;
    words[at + entryWord.newer] = 0;
    words[at + entryWord.queue] = this.#at;
    words[at + entryWord.queueTime] = ++this.#header[header.queueTime]!;
    if (last === 0) this.#header[this.#at + oldest] = entry;
    else words[last * this.#stride + entryWord.newer] = entry;
    this.#header[this.#at + newest] = entry;
    this.#header[this.#at + blocks]! += words[at + entryWord.blocks]!;
    this.#header[this.#at + count]!++;
  }

  /** Takes `entry`, which is in it, out. */
  remove(entry: number): void {
    const words = this.#words;
    const at = entry * this.#stride;
    const older = words[at + entryWord.older]!;
    const newer = words[at + entryWord.newer]!;
    if (older === 0) this.#header[this.#at + oldest] = newer;
    else words[older * this.#stride + entryWord.newer] = newer;
    if (newer === 0) this.#header[this.#at + newest] = older;
    else words[newer * this.#stride + entryWord.older] = older;
    words[at + entryWord.queue] = 0;
    this.#header[this.#at + blocks]! -= words[at + entryWord.blocks]!;
    this.#header[this.#at + count]!--;
  }

  /** The blocks of `entry`, which is in it, have become more by `more`, or less. */
  charge(more: number): void {
    this.#header[this.#at + blocks]! += more;
  }
}
