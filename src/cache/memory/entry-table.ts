/**
 * What the memory store knows of each answer, in 80 bytes and the pins. An entry's number is its for as long as it is
 * used; its generation says which use that is. Body and head of a live entry stay where they are while somebody has
 * pinned it: each thread has a bit of its own for that, so that a thread which dies can be taken out exactly.
 *
 * To pin is to set the bit and look at the state then; to let an entry go is to change its state and look at the bits
 * then: one of the two sees the other.
 */
import { header, type MemoryViews } from "./memory-layout.ts";

/** The states of an entry. */
export const entryState = {
  free: 0,
  /** One thread writes it; those who know its number read it. */
  draft: 1,
  /** It is found. */
  live: 2,
  /** It is not found any more and waits for those who read it. */
  gone: 3,
  /** A draft that broke off. */
  broken: 4,
  /** It is not found any more, but nobody had the lock to take it out of queue and index. */
  doomed: 5,
} as const;

/** The words of an entry, by name. */
export const entryWord = {
  state: 0,
  generation: 1,
  hashLow: 2,
  hashHigh: 3,
  /** The chain with key and answer. */
  head: 4,
  headBytes: 5,
  keyBytes: 6,
  /** Odd while the head is being changed. */
  headVersion: 7,
  body: 8,
  /** How many bytes of the body are there. */
  bodyBytes: 9,
  /** All blocks that are charged to it. */
  blocks: 10,
  /** The thread that writes the draft. */
  writer: 11,
  older: 12,
  newer: 13,
  /** 0 = none; else where the queue is in the header. */
  queue: 14,
  frequency: 15,
  queueTime: 16,
  /** Seconds since the epoch; from then on it may not be used without being validated. */
  usableUntil: 17,
  /** The doorbells of those who wait for more of a draft. */
  waiting: 18,
} as const;
const pinsWord = 20;

const tables = new WeakMap<SharedArrayBuffer, Map<number, EntryTable>>();

/**
 * The entries of a region as a thread sees them: one object for all windows of that thread, since they share its pins.
 * @param stripeIndex -1 = a thread that pins nothing
 */
export function entriesOf(views: MemoryViews, stripeIndex: number): EntryTable {
  const { buffer } = views.data;
  const ofRegion = tables.get(buffer) ?? new Map<number, EntryTable>();
  tables.set(buffer, ofRegion);
  const table = ofRegion.get(stripeIndex) ?? new EntryTable(views, stripeIndex);
  ofRegion.set(stripeIndex, table);
  return table;
}

/** One thread's window on the entries; `entriesOf` makes it. */
export class EntryTable {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** The words of an entry: `entry * stride` is its first. */
  readonly stride: number;
  readonly #header: Int32Array<SharedArrayBuffer>;
  readonly #count: number;
  readonly #pinWords: number;
  readonly #pinWord: number;
  readonly #pinBit: number;
  /** Entries that this thread has pinned more than once, and how often more. */
  readonly #morePins = new Map<number, number>();

  constructor(views: MemoryViews, stripeIndex: number) {
    this.words = views.entries;
    this.stride = views.layout.entryWords;
    this.#header = views.header;
    this.#count = views.layout.entries;
    this.#pinWords = views.layout.pinWords;
    this.#pinWord = pinsWord + (stripeIndex >>> 5);
    this.#pinBit = 1 << (stripeIndex & 31);
  }

  /** Takes an unused entry, with the lock held. @returns 0 = there is none */
  take(): number {
    const free = this.#header[header.firstFreeEntry]!;
    if (free !== 0) {
      this.#header[header.firstFreeEntry] = this.words[free * this.stride + entryWord.newer]!;
      return free;
    }
    const next = this.#header[header.lastEntry]! + 1;
    if (next > this.#count) return 0;
    this.#header[header.lastEntry] = next;
    return next;
  }

  /** Puts an entry back, with the lock held; its blocks must be free. */
  give(entry: number): void {
    const at = entry * this.stride;
    this.words[at + entryWord.newer] = this.#header[header.firstFreeEntry]!;
    this.#header[header.firstFreeEntry] = entry;
  }

  /** The highest number that was ever used. */
  get last(): number {
    return Atomics.load(this.#header, header.lastEntry);
  }

  /** Changes the state if it is `before`. @returns whether it was */
  changeState(entry: number, before: number, after: number): boolean {
    return Atomics.compareExchange(this.words, entry * this.stride + entryWord.state, before, after) === before;
  }

  state(entry: number): number {
    return Atomics.load(this.words, entry * this.stride + entryWord.state);
  }

  generation(entry: number): number {
    return Atomics.load(this.words, entry * this.stride + entryWord.generation);
  }

  /** Keeps `entry` where it is, if a look at its state afterwards says that it still is what was wanted. */
  pin(entry: number): void {
    const bit = this.#pinBit;
    if ((Atomics.or(this.words, entry * this.stride + this.#pinWord, bit) & bit) !== 0)
      this.#morePins.set(entry, (this.#morePins.get(entry) ?? 0) + 1);
  }

  /** Takes one pin back. @returns whether the entry waits to be freed, and this thread holds it no longer */
  unpin(entry: number): boolean {
    if (this.#morePins.size > 0) {
      const more = this.#morePins.get(entry);
      if (more !== undefined) {
        if (more === 1) this.#morePins.delete(entry);
        else this.#morePins.set(entry, more - 1);
        return false;
      }
    }
    Atomics.and(this.words, entry * this.stride + this.#pinWord, ~this.#pinBit);
    const state = this.state(entry);
    return state === entryState.gone || state === entryState.broken;
  }

  isPinned(entry: number): boolean {
    const first = entry * this.stride + pinsWord;
    for (let word = 0; word < this.#pinWords; word++) if (Atomics.load(this.words, first + word) !== 0) return true;
    return false;
  }

  /** Takes back the pins of a thread that has died. */
  clearPins(stripeIndex: number): void {
    const offset = pinsWord + (stripeIndex >>> 5);
    const others = ~(1 << (stripeIndex & 31));
    for (let entry = 1; entry <= this.last; entry++) Atomics.and(this.words, entry * this.stride + offset, others);
  }
}
