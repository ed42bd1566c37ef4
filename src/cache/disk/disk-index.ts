/**
 * What is on the disk, in shared memory: a table of entries of 32 bytes that all threads look at before they ask the
 * disk. The truth is in the files: an entry without a file is found out by the first who opens it, and a file without an
 * entry is replaced when its answer is fetched again, or seen at the next start. So look-ups take no lock.
 *
 * Which entries go is decided as S3-FIFO does (Yang et al., SOSP 2023): new ones are on probation in a tenth of the
 * room, those that were asked for meanwhile stay, and whoever comes back soon after it went is no newcomer. Queues are
 * not kept: of a sample of entries the oldest goes, which leaves nothing to repair when a thread dies, and is the same
 * to a few percent.
 *
 * An entry is in one of eight places that its hash names. `dense` lists the places that are taken, so that a sample
 * needs no search. What a dead thread has left half done is mended by reading all entries (`mend`).
 */
import { wordsOf, type SharedRegion } from "../../base/shared-memory.ts";
import { SharedLock } from "./shared-lock.ts";

/** What files are counted in: blocks of most file systems. */
export const blockBytes = 4_096;

/** How far the store is. */
export const StoreState = { closed: 0, filling: 1, ready: 2 } as const;

/** Words of the line before the tables. */
const lockAt = 0;
const stateAt = 1;
const seedAt = 2;
const probationAt = 4;
const mainAt = 5;
const objectsAt = 6;
const birthAt = 7;
const lifeAt = 8;
const maxBlocksAt = 9;
const evictionsAt = 10;
/** Blocks of drafts, a word a stripe, follow. */
const lineWords = 16;

const entryWords = 8;
const lowAt = 0;
const highAt = 1;
/** 0 = the place is free. */
const blocksAt = 2;
const marksAt = 3;
const birthOf = 4;
const usableUntilAt = 5;
const placeInDenseAt = 6;

const frequencyMask = 3;
const mainMark = 4;

const ways = 8;
const sampleSize = 16;
const maxSamples = 8;
/** The share of newcomers. */
const probationShare = 0.1;

/** A file that is not in the index any more. */
export interface Victim {
  readonly low: number;
  readonly high: number;
  readonly blocks: number;
}

/** What an entry says. */
export interface IndexEntry extends Victim {
  /** Seconds since the epoch; the answer is of no use after that. */
  readonly usableUntil: number;
}

function slotsFor(maxBytes: number): number {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(1, maxBytes / (2 * blockBytes))));
  return Math.min(Math.max(slots, 1_024), 4_194_304);
}

const draftWords = (stripes: number): number => Math.ceil((stripes + 1) / 16) * 16;

/** One thread's window on the index. */
export class DiskIndex {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #lock: SharedLock;
  readonly #stripeIndex: number;
  readonly #slots: number;
  readonly #entries: number;
  readonly #dense: number;
  readonly #ghosts: number;
  readonly #ghostMask: number;
  readonly #now: () => number;

  /**
   * @param stripeIndex -1 = the control thread @param now seconds since the epoch
   */
  constructor(region: SharedRegion, { maxBytes, stripeIndex, stripes, now }: DiskIndexParts) {
    this.#words = wordsOf(region);
    this.#lock = new SharedLock(this.#words, lockAt, stripeIndex);
    this.#stripeIndex = stripeIndex;
    this.#slots = slotsFor(maxBytes);
    this.#entries = lineWords + draftWords(stripes);
    this.#dense = this.#entries + this.#slots * entryWords;
    this.#ghosts = this.#dense + this.#slots;
    this.#ghostMask = this.#slots / 2 - 1;
    this.#now = now;
    Atomics.store(this.#words, maxBlocksAt, Math.floor(maxBytes / blockBytes));
  }

  /** How many bytes the region has. */
  static regionBytes(maxBytes: number, stripes: number): number {
    const slots = slotsFor(maxBytes);
    return 4 * (lineWords + draftWords(stripes) + slots * (entryWords + 1) + slots / 2);
  }

  get state(): number {
    return Atomics.load(this.#words, stateAt);
  }

  set state(state: number) {
    Atomics.store(this.#words, stateAt, state);
  }

  get isReady(): boolean {
    return this.state === StoreState.ready;
  }

  /** The halves of the seed of the folder's hash. Known once `state` is not closed. */
  get seedLow(): number {
    return this.#words[seedAt]!;
  }

  get seedHigh(): number {
    return this.#words[seedAt + 1]!;
  }

  /** How many times the folder has been opened. */
  get life(): number {
    return this.#words[lifeAt]!;
  }

  /** What the folder says of itself, before `state` becomes another. */
  setFolder({ seedLow, seedHigh, life }: FolderMarks): void {
    this.#words[seedAt] = seedLow;
    this.#words[seedAt + 1] = seedHigh;
    this.#words[lifeAt] = life;
  }

  get objects(): number {
    return Atomics.load(this.#words, objectsAt);
  }

  get evictions(): number {
    return Atomics.load(this.#words, evictionsAt);
  }

  /** All that is taken, drafts included. */
  get blocks(): number {
    const words = this.#words;
    let blocks = Atomics.load(words, probationAt) + Atomics.load(words, mainAt);
    for (let at = lineWords; at < this.#entries; at++) blocks += Atomics.load(words, at);
    return blocks;
  }

  /** The place of an entry, or -1. Takes no lock: an entry may be gone at once, or be there at once. */
  find(low: number, high: number): number {
    const words = this.#words;
    const first = this.#firstWay(low);
    for (let way = 0, at = first; way < ways; way++, at += entryWords)
      if (words[at + lowAt] === low && words[at + highAt] === high && words[at + blocksAt] !== 0) return at;
    return -1;
  }

  /** How many blocks the file at a place takes, as far as is known. */
  blocksOf(place: number): number {
    return this.#words[place + blocksAt]!;
  }

  /** Somebody has asked for what is there. */
  touch(place: number): void {
    const marks = Atomics.load(this.#words, place + marksAt);
    if ((marks & frequencyMask) < frequencyMask)
      Atomics.compareExchange(this.#words, place + marksAt, marks, marks + 1);
  }

  /**
   * Takes room for a draft of this thread.
   * @param victims is given what has to leave for it: the caller deletes those files first
   * @returns false if there is no room, or not now; then nothing is taken, but victims may be given
   */
  takeRoom(blocks: number, victims: Victim[]): boolean {
    if (!this.#lock.take()) return false;
    const max = this.#words[maxBlocksAt]!;
    let over = this.blocks + blocks - max;
    while (over > 0) {
      const victim = this.#pickVictim();
      if (victim === -1) break;
      over -= this.#words[victim + blocksAt]!;
      victims.push(this.#evict(victim));
    }
    if (over <= 0) Atomics.add(this.#words, this.#draftWord, blocks);
    this.#lock.give();
    return over <= 0;
  }

  /** Gives back room of drafts. */
  giveRoom(blocks: number): void {
    Atomics.sub(this.#words, this.#draftWord, blocks);
  }

  /**
   * Makes an entry of a file that is there, in place of one with the same hash.
   * @param roomTaken the blocks that were taken for its draft: they become the entry's
   * @param isWanted looked at under the lock: whatever happens before it is seen by it, whatever happens later finds the
   *   entry
   * @returns false if there is none; the room stays taken, and the file must go
   */
  add(entry: IndexEntry, roomTaken: number, victims: Victim[], isWanted: () => boolean): boolean {
    if (!this.#lock.take()) return false;
    const isAdded = isWanted();
    if (isAdded) {
      const known = this.find(entry.low, entry.high);
      if (known !== -1) this.#forget(known);
      this.#put(entry, victims);
      if (roomTaken > 0) this.giveRoom(roomTaken);
    }
    this.#lock.give();
    return isAdded;
  }

  /** Takes an entry out. @returns its blocks; 0 if there was none, or not now */
  remove(low: number, high: number): number {
    if (this.find(low, high) === -1 || !this.#lock.take()) return 0;
    const place = this.find(low, high);
    const blocks = place === -1 ? 0 : this.#words[place + blocksAt]!;
    if (place !== -1) this.#forget(place);
    this.#lock.give();
    return blocks;
  }

  /** Nobody is in the middle of `add` when this returns: what is added later is looked at by its `isWanted`. */
  settle(): void {
    if (this.#lock.take()) this.#lock.give();
  }

  /** All entries as they are, without order. Not while others wait: it reads the whole table. */
  *entries(): Generator<Victim> {
    const words = this.#words;
    for (let at = this.#entries; at < this.#dense; at += entryWords) {
      const blocks = words[at + blocksAt]!;
      if (blocks !== 0) yield { low: words[at + lowAt]!, high: words[at + highAt]!, blocks };
    }
  }

  /** Forgets all entries; drafts keep their room. Before the store opens. */
  clear(): void {
    this.#words.fill(0, probationAt, birthAt);
    this.#words.fill(0, this.#entries);
  }

  /** Takes a dead thread out of the counts, and the lock from it. */
  clearStripe(stripeIndex: number): void {
    Atomics.store(this.#words, lineWords + stripeIndex + 1, 0);
    if (!this.#lock.takeFromDead(stripeIndex)) return;
    this.#mend();
    this.#lock.give();
  }

  get #draftWord(): number {
    return lineWords + this.#stripeIndex + 1;
  }

  #firstWay(low: number): number {
    return this.#entries + ((low >>> 0) % (this.#slots / ways)) * ways * entryWords;
  }

  #put({ low, high, blocks, usableUntil }: IndexEntry, victims: Victim[]): void {
    const words = this.#words;
    let place = -1;
    const first = this.#firstWay(low);
    for (let way = 0, at = first; way < ways && place === -1; way++, at += entryWords)
      if (words[at + blocksAt] === 0) place = at;
    if (place === -1) {
      place = this.#oldestWay(first);
      victims.push(this.#evict(place));
    }
    const isKnown = this.#takeGhost(low, high);
    words[place + lowAt] = low;
    words[place + highAt] = high;
    words[place + marksAt] = isKnown ? mainMark : 0;
    words[place + birthOf] = words[birthAt]!++;
    words[place + usableUntilAt] = usableUntil;
    const objects = words[objectsAt]!;
    words[place + placeInDenseAt] = objects;
    words[this.#dense + objects] = (place - this.#entries) / entryWords;
    Atomics.store(words, place + blocksAt, blocks);
    words[isKnown ? mainAt : probationAt]! += blocks;
    words[objectsAt] = objects + 1;
  }

  #forget(place: number): void {
    const words = this.#words;
    const blocks = words[place + blocksAt]!;
    Atomics.store(words, place + blocksAt, 0);
    words[(words[place + marksAt]! & mainMark) === 0 ? probationAt : mainAt]! -= blocks;
    const last = --words[objectsAt]!;
    const hole = words[place + placeInDenseAt]!;
    const moved = words[this.#dense + last]!;
    words[this.#dense + hole] = moved;
    words[this.#entries + moved * entryWords + placeInDenseAt] = hole;
  }

  #evict(place: number): Victim {
    const words = this.#words;
    const victim = { low: words[place + lowAt]!, high: words[place + highAt]!, blocks: words[place + blocksAt]! };
    if ((words[place + marksAt]! & mainMark) === 0) words[this.#ghostWord(victim.low)] = victim.high | 1;
    this.#forget(place);
    words[evictionsAt]!++;
    return victim;
  }

  #ghostWord(low: number): number {
    return this.#ghosts + (low & this.#ghostMask);
  }

  #takeGhost(low: number, high: number): boolean {
    const at = this.#ghostWord(low);
    if (this.#words[at] !== (high | 1)) return false;
    this.#words[at] = 0;
    return true;
  }

  #age(place: number): number {
    return (this.#words[birthAt]! - this.#words[place + birthOf]!) | 0;
  }

  #oldestWay(first: number): number {
    let oldest = first;
    for (let way = 1, at = first + entryWords; way < ways; way++, at += entryWords)
      if (this.#age(at) > this.#age(oldest)) oldest = at;
    return oldest;
  }

  /** The place of an entry that is to go, or -1 if there is none at all. */
  #pickVictim(): number {
    const words = this.#words;
    if (words[objectsAt] === 0) return -1;
    for (let tries = 0; tries < maxSamples; tries++) {
      const probation = words[probationAt]!;
      const wanted = probation > probationShare * (probation + words[mainAt]!) ? 0 : mainMark;
      const place = this.#sampleOldest(wanted);
      const marks = words[place + marksAt]!;
      if ((marks & frequencyMask) === 0 || this.#isOver(place)) return place;
      // It was asked for: it stays, as one of the main ones, and is as young as a new one.
      if ((marks & mainMark) === 0) {
        words[probationAt]! -= words[place + blocksAt]!;
        words[mainAt]! += words[place + blocksAt]!;
        words[place + marksAt] = mainMark;
      } else words[place + marksAt] = marks - 1;
      words[place + birthOf] = words[birthAt]!++;
    }
    return this.#sampleOldest(0);
  }

  /** The oldest of some entries: of those that are of no use any more, else of those in the queue `wanted`, else of all. */
  #sampleOldest(wanted: number): number {
    const words = this.#words;
    const objects = words[objectsAt]!;
    let best = -1;
    let bestRank = -1;
    for (let tries = 0, fits = 0; tries < 8 * sampleSize && fits < sampleSize; tries++) {
      const dense = words[this.#dense + Math.floor(Math.random() * objects)]!;
      const place = this.#entries + dense * entryWords;
      const isWanted = (words[place + marksAt]! & mainMark) === wanted;
      if (isWanted) fits++;
      const rank = this.#isOver(place) ? 2 : isWanted ? 1 : 0;
      if (rank > bestRank || (rank === bestRank && this.#age(place) > this.#age(best))) {
        best = place;
        bestRank = rank;
      }
    }
    return best;
  }

  #isOver(place: number): boolean {
    return this.#words[place + usableUntilAt]! >>> 0 < this.#now();
  }

  /** Makes counts and `dense` of the entries. */
  #mend(): void {
    const words = this.#words;
    let objects = 0;
    words[probationAt] = 0;
    words[mainAt] = 0;
    for (let at = this.#entries; at < this.#dense; at += entryWords) {
      const blocks = words[at + blocksAt]!;
      if (blocks === 0) continue;
      words[at + placeInDenseAt] = objects;
      words[this.#dense + objects++] = (at - this.#entries) / entryWords;
      words[(words[at + marksAt]! & mainMark) === 0 ? probationAt : mainAt]! += blocks;
    }
    words[objectsAt] = objects;
  }
}

/** What a window on the index is made with. */
export interface DiskIndexParts {
  readonly maxBytes: number;
  /** Of this thread; -1 = the control thread. */
  readonly stripeIndex: number;
  readonly stripes: number;
  /** Seconds since the epoch. */
  readonly now: () => number;
}

/** What a folder says of itself. */
export interface FolderMarks {
  readonly seedLow: number;
  readonly seedHigh: number;
  /** How many times it has been opened. */
  readonly life: number;
}
