/**
 * What changes the store: entries are made, found by their key, replaced, evicted and freed. All of it needs the lock,
 * which a caller holds for one such step. Whatever is done here may be cut short by the end of the thread: an entry is
 * always either whole or recognised as cut, and the rest is worked out from the entries again (`repair.ts`).
 *
 * What is evicted is decided by S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023):
 * what is new goes through a small queue, a tenth of all blocks; what is asked for there goes on to the main queue, the
 * rest is evicted and its key remembered for a while; what comes back in that time goes to the main queue at once. A
 * hit only counts, up to 3; in the main queue each costs one of them to stay for another round. So a scan passes through
 * a tenth of the store, and a hit moves nothing.
 */
import type { SteadyClock } from "../../base/steady-clock.ts";
import { BlockPool } from "./block-pool.ts";
import { EntryQueue } from "./entry-queue.ts";
import { entriesOf, type EntryTable, entryState, entryWord } from "./entry-table.ts";
import { GhostKeys } from "./ghost-keys.ts";
import { KeyIndex } from "./key-index.ts";
import { blockBytes, header, type MemoryViews } from "./memory-layout.ts";

const smallShare = 0.1;
/** So many hits in the small queue take an entry to the main queue. */
const hitsToStay = 1;
/** A search for room ends after so many entries that could not be evicted. */
const maxExamined = 4_096;
/** So many entries are looked at for being expired, each time something has to be evicted. */
const expiryLooks = 16;

/** What a draft begins with. */
export interface NewDraft {
  /** The hash of its key. */
  readonly low: number;
  readonly high: number;
  /** The key, and what is said of the answer. */
  readonly head: Buffer;
  readonly keyBytes: number;
  /** Which thread writes it. */
  readonly writer: number;
}

/** One thread's window on the structure of the store. */
export class StoredEntries {
  readonly entries: EntryTable;
  readonly blocks: BlockPool;
  readonly index: KeyIndex;
  readonly small: EntryQueue;
  readonly main: EntryQueue;
  readonly #ghosts: GhostKeys;
  readonly #header: Int32Array<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #stride: number;
  readonly #smallBlocks: number;
  readonly #clock: Pick<SteadyClock, "nowMs">;

  constructor(views: MemoryViews, stripeIndex: number, clock: Pick<SteadyClock, "nowMs">) {
    this.#clock = clock;
    this.entries = entriesOf(views, stripeIndex);
    this.blocks = new BlockPool(views);
    this.index = new KeyIndex(views);
    this.small = new EntryQueue(views, this.entries, header.smallQueue);
    this.main = new EntryQueue(views, this.entries, header.mainQueue);
    this.#ghosts = new GhostKeys(views);
    this.#header = views.header;
    this.#words = this.entries.words;
    this.#stride = this.entries.stride;
    this.#smallBlocks = Math.ceil(this.blocks.total * smallShare);
  }

  get(entry: number, word: number): number {
    return this.#words[entry * this.#stride + word]!;
  }

  set(entry: number, word: number, value: number): void {
    Atomics.store(this.#words, entry * this.#stride + word, value);
  }

  /**
   * A new draft; nobody finds it.
   * @returns 0 = there is no room
   */
  create({ low, high, head, keyBytes, writer }: NewDraft): number {
    const blocks = blocksFor(head.length);
    // An entry is taken after room was made, since that frees entries.
    if (!this.makeRoom(blocks)) return 0;
    const entry = this.#takeEntry();
    if (entry === 0) return 0;
    this.set(entry, entryWord.hashLow, low);
    this.set(entry, entryWord.hashHigh, high);
    this.set(entry, entryWord.body, 0);
    this.set(entry, entryWord.bodyBytes, 0);
    this.set(entry, entryWord.queue, 0);
    this.set(entry, entryWord.frequency, 0);
    this.set(entry, entryWord.queueTime, 0);
    this.set(entry, entryWord.waiting, 0);
    this.set(entry, entryWord.writer, writer);
    this.set(entry, entryWord.keyBytes, keyBytes);
    this.set(entry, entryWord.headBytes, head.length);
    const chain = this.blocks.take(blocks);
    this.blocks.write(chain, 0, head);
    this.set(entry, entryWord.head, chain);
    this.set(entry, entryWord.blocks, blocks);
    this.#header[header.draftBlocks]! += blocks;
    this.set(entry, entryWord.state, entryState.draft);
    return entry;
  }

  #takeEntry(): number {
    let entry = this.entries.take();
    const now = usableNow(this.#clock.nowMs());
    for (let tries = 0; entry === 0 && tries < maxExamined; tries++) {
      this.#evictOne(now);
      entry = this.entries.take();
    }
    return entry;
  }

  /** Adds `count` blocks to the body of a draft. @param run one of its runs; 0 = it has none @returns the first; 0 = no room */
  extend(entry: number, run: number, count: number): number {
    if (!this.makeRoom(count)) return 0;
    const added = this.blocks.take(count);
    if (run === 0) this.set(entry, entryWord.body, added);
    else this.blocks.append(run, added);
    this.set(entry, entryWord.blocks, this.get(entry, entryWord.blocks) + count);
    this.#header[header.draftBlocks]! += count;
    return added;
  }

  /** Writes another head, of the same key. @returns false if there is no room; then nothing has changed */
  writeHead(entry: number, head: Buffer): boolean {
    const before = this.get(entry, entryWord.head);
    const had = blocksFor(this.get(entry, entryWord.headBytes));
    const needed = blocksFor(head.length);
    if (needed !== had && !this.makeRoom(needed)) return false;
    // Room was made by evicting: this very entry may have been among what went.
    const state = this.entries.state(entry);
    if (state !== entryState.draft && state !== entryState.live) return false;
    // Not a store: on some processors what is written next could be seen before it.
    const version = Atomics.add(this.#words, entry * this.#stride + entryWord.headVersion, 1);
    const chain = needed === had ? before : this.blocks.take(needed);
    this.blocks.write(chain, 0, head);
    this.set(entry, entryWord.head, chain);
    this.set(entry, entryWord.headBytes, head.length);
    if (chain !== before) {
      this.#charge(entry, needed - had);
      this.blocks.give(before);
    }
    this.set(entry, entryWord.headVersion, version + 2);
    return true;
  }

  #charge(entry: number, more: number): void {
    this.set(entry, entryWord.blocks, this.get(entry, entryWord.blocks) + more);
    const queue = EntryQueue.of(this.entries, entry);
    if (queue === header.smallQueue) this.small.charge(more);
    else if (queue === header.mainQueue) this.main.charge(more);
    else this.#header[header.draftBlocks]! += more;
  }

  /**
   * A draft, whose head is final, is found from now on, in the place of what was found before.
   * @param before what is stored under the key now; 0 = nothing
   */
  publish(entry: number, before: number): void {
    const low = this.get(entry, entryWord.hashLow);
    const high = this.get(entry, entryWord.hashHigh);
    this.#header[header.draftBlocks]! -= this.get(entry, entryWord.blocks);
    const isKnown = this.#ghosts.take(low, high, Math.max(this.main.count, 16)) || this.#wasHit(before);
    this.#header[header.objects]!++;
    (isKnown ? this.main : this.small).add(entry);
    this.set(entry, entryWord.state, entryState.live);
    if (before !== 0 && this.index.replace(low, high, before, entry)) this.discard(before);
    else if (!this.index.put(low, high, entry)) {
      this.#clearBucket(low);
      if (!this.index.put(low, high, entry)) this.discard(entry);
    }
  }

  /** An answer that takes the place of one that was asked for is asked for, too. */
  #wasHit(before: number): boolean {
    return (
      before !== 0 &&
      (this.get(before, entryWord.queue) === header.mainQueue || this.get(before, entryWord.frequency) > 0)
    );
  }

  #clearBucket(low: number): void {
    for (const entry of this.index.neighbours(low)) {
      if (entry === 0) continue;
      this.discard(entry);
      this.#header[header.evictions]!++;
      return;
    }
  }

  /** A live or doomed entry is not found any more; it is freed now, or when nobody reads it. */
  discard(entry: number): void {
    const queue = EntryQueue.of(this.entries, entry);
    if (queue === header.smallQueue) this.small.remove(entry);
    else if (queue === header.mainQueue) this.main.remove(entry);
    this.index.drop(this.get(entry, entryWord.hashLow), this.get(entry, entryWord.hashHigh), entry);
    this.set(entry, entryWord.state, entryState.gone);
    this.#header[header.objects]!--;
    this.freeIfUnread(entry);
  }

  /** Frees what is gone or broken if nobody reads it. */
  freeIfUnread(entry: number): void {
    const state = this.entries.state(entry);
    if ((state !== entryState.gone && state !== entryState.broken) || this.entries.isPinned(entry)) return;
    // It never was in a queue: it is still counted as a draft.
    if (this.get(entry, entryWord.queueTime) === 0)
      this.#header[header.draftBlocks]! -= this.get(entry, entryWord.blocks);
    const head = this.get(entry, entryWord.head);
    const body = this.get(entry, entryWord.body);
    this.set(entry, entryWord.generation, this.get(entry, entryWord.generation) + 1);
    this.set(entry, entryWord.state, entryState.free);
    this.set(entry, entryWord.head, 0);
    this.set(entry, entryWord.body, 0);
    this.set(entry, entryWord.blocks, 0);
    if (head !== 0) this.blocks.give(head);
    if (body !== 0) this.blocks.give(body);
    this.entries.give(entry);
  }

  /** Sees to it that `count` blocks are free. @returns false if they cannot be made free now */
  makeRoom(count: number): boolean {
    if (count > this.blocks.total) return false;
    if (this.blocks.free >= count) return true;
    const now = usableNow(this.#clock.nowMs());
    for (let examined = 0; this.blocks.free < count; examined++) {
      if (examined === maxExamined) return false;
      this.#evictOne(now);
    }
    return true;
  }

  /** Evicts one entry, or lets one pass. */
  #evictOne(now: number): void {
    if (this.#evictExpired(now)) return;
    if (this.main.count === 0 || (this.small.count > 0 && this.small.blocks >= this.#smallBlocks)) this.#evictSmall();
    else this.#evictMain();
  }

  /** Looks at a few entries in turn, and frees those that may be used no more. @returns whether there was one */
  #evictExpired(now: number): boolean {
    const { last } = this.entries;
    let hasFreed = false;
    for (let look = 0; look < expiryLooks && look < last; look++) {
      const hand = (this.#header[header.hand]! % last) + 1;
      this.#header[header.hand] = hand;
      const state = this.entries.state(hand);
      if (state === entryState.doomed) {
        this.discard(hand);
        hasFreed ||= this.entries.state(hand) === entryState.free;
      } else if (state === entryState.gone || state === entryState.broken) {
        this.freeIfUnread(hand);
        hasFreed ||= this.entries.state(hand) === entryState.free;
      } else if (
        state === entryState.live &&
        this.get(hand, entryWord.usableUntil) < now &&
        !this.entries.isPinned(hand)
      ) {
        this.discard(hand);
        this.#header[header.expired]!++;
        hasFreed = true;
      }
    }
    return hasFreed;
  }

  #evictSmall(): void {
    const entry = this.small.oldest;
    if (entry === 0) return;
    if (this.entries.state(entry) === entryState.doomed) this.discard(entry);
    else if (this.entries.isPinned(entry) || this.get(entry, entryWord.frequency) >= hitsToStay) {
      this.small.remove(entry);
      this.set(entry, entryWord.frequency, 0);
      this.main.add(entry);
    } else {
      this.#ghosts.add(this.get(entry, entryWord.hashLow), this.get(entry, entryWord.hashHigh));
      this.#evict(entry);
    }
  }

  #evictMain(): void {
    const entry = this.main.oldest;
    if (entry === 0) return;
    if (this.entries.state(entry) === entryState.doomed) {
      this.discard(entry);
      return;
    }
    const frequency = this.get(entry, entryWord.frequency);
    if (frequency === 0 && !this.entries.isPinned(entry)) {
      this.#evict(entry);
      return;
    }
    this.main.remove(entry);
    if (frequency > 0) this.set(entry, entryWord.frequency, frequency - 1);
    this.main.add(entry);
  }

  #evict(entry: number): void {
    this.discard(entry);
    this.#header[header.evictions]!++;
  }
}

/** The blocks that `byteCount` bytes take. */
export function blocksFor(byteCount: number): number {
  return Math.ceil(byteCount / blockBytes);
}

const epochMs = Date.UTC(2020, 0, 1);

/** A time as entries keep it: seconds, whole, since 2020; enough until 2088. */
export function usableNow(timeMs: number): number {
  return Math.min(0x7fff_ffff, Math.max(0, Math.ceil((timeMs - epochMs) / 1_000)));
}
