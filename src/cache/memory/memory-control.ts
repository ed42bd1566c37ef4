/**
 * The memory store as the control thread sees it: makes the region, takes dead threads out of it, frees what was
 * purged, and counts. It stores and reads nothing itself, and never waits for a lock whose holder only it can declare
 * dead.
 */
import { type ReservedRegion, type SharedMemory } from "../../base/shared-memory.ts";
import type { SteadyClock } from "../../base/steady-clock.ts";
import { systemRandomBytes } from "../../base/system-random.ts";
import { staleFrom } from "../../http/cache/stored-answer.ts";
import type { PurgeSweeper, SweepRound } from "../purge/purge-sweeper.ts";
import { entryState, entryWord } from "./entry-table.ts";
import { headOf, usableUntil } from "./memory-draft.ts";
import { blockBytes, header, layOutMemory, type MemoryViews, viewMemory } from "./memory-layout.ts";
import { repair } from "./repair.ts";
import { StoreLock } from "./store-lock.ts";
import { StoredEntries } from "./stored-entries.ts";
import { StoredHeads } from "./stored-heads.ts";

/** Entries that are looked at in one go. */
const sliceEntries = 64;

/** Which store. */
export interface MemoryPlace {
  readonly name: string;
  readonly maxBytes: number;
}

/** What is in a memory store. */
export interface MemoryUse {
  readonly objects: number;
  /** Blocks that are taken, heads and drafts included. */
  readonly storedBytes: number;
  readonly evictions: number;
  /** Freed since nobody might use them any more, to make room. */
  readonly expired: number;
}

const keyOf = ({ name, maxBytes }: MemoryPlace): string => `cache-memory:${maxBytes}:${name}`;

/** Finds, or makes, the region of a store. @param stripes how many threads there are */
export function openMemoryRegion(memory: SharedMemory, place: MemoryPlace, stripes: number): MemoryViews {
  const layout = layOutMemory(place.maxBytes, stripes);
  return viewMemory(memory.region(keyOf(place), layout.byteLength), layout);
}

/** The control thread's window on a memory store. */
export class MemoryControl implements PurgeSweeper {
  readonly name: string;
  readonly #views: MemoryViews;
  readonly #stored: StoredEntries;
  readonly #heads: StoredHeads;
  readonly #lock: StoreLock;
  readonly #clock: Pick<SteadyClock, "nowMs">;

  constructor(name: string, views: MemoryViews, clock: Pick<SteadyClock, "nowMs">) {
    this.name = name;
    this.#views = views;
    this.#clock = clock;
    this.#stored = new StoredEntries(views, -1, clock);
    this.#heads = new StoredHeads(this.#stored.entries, this.#stored.blocks);
    this.#lock = new StoreLock(views.header, views.layout.stripes + 1);
    if (views.header[header.isSetUp] === 0) this.#setUp();
  }

  /** Makes the region, or finds it. @param ring wakes the threads of a mask: they may wait for what a dead one wrote */
  static reserve(
    memory: SharedMemory,
    place: MemoryPlace,
    { stripes, clock, ring }: { stripes: number; clock: Pick<SteadyClock, "nowMs">; ring: (mask: number) => void },
  ): ReservedRegion {
    const control = new MemoryControl(place.name, openMemoryRegion(memory, place, stripes), clock);
    return { key: keyOf(place), clearStripe: (stripeIndex) => control.clearStripe(stripeIndex, ring) };
  }

  #setUp(): void {
    const seed = systemRandomBytes(8);
    const words = this.#views.header;
    words[header.seedLow] = seed.readInt32LE(0);
    words[header.seedHigh] = seed.readInt32LE(4);
    this.#stored.blocks.reset();
    words[header.isSetUp] = 1;
  }

  get use(): MemoryUse {
    const words = this.#views.header;
    return {
      objects: Atomics.load(words, header.objects),
      storedBytes: (this.#stored.blocks.total - Atomics.load(words, header.freeBlocks)) * blockBytes,
      evictions: Atomics.load(words, header.evictions),
      expired: Atomics.load(words, header.expired),
    };
  }

  /** Takes a dead thread out: its drafts break off, what it read is let go, what it was changing is put in order. */
  clearStripe(stripeIndex: number, ring: (mask: number) => void): void {
    const { entries } = this.#stored;
    if (this.#lock.seize(stripeIndex + 1)) {
      repair(this.#stored, this.#views);
      this.#lock.leave();
    }
    entries.clearPins(stripeIndex);
    let mask = 0;
    for (let entry = 1; entry <= entries.last; entry++) {
      if (this.#stored.get(entry, entryWord.writer) !== stripeIndex) continue;
      if (!entries.changeState(entry, entryState.draft, entryState.broken)) continue;
      mask |= Atomics.exchange(entries.words, entry * entries.stride + entryWord.waiting, 0);
    }
    if (mask !== 0) ring(mask);
    // Without the lock, whoever looks for room frees the rest.
    if (!this.#lock.enter()) return;
    for (let entry = 1; entry <= entries.last; entry++)
      if (entries.state(entry) === entryState.doomed) this.#stored.discard(entry);
      else this.#stored.freeIfUnread(entry);
    this.#lock.leave();
  }

  async sweep(round: SweepRound): Promise<void> {
    const { entries } = this.#stored;
    // What was judged without the purges of this round can be seen from here on.
    if (this.#lock.enter()) this.#lock.leave();
    for (let entry = 1; entry <= entries.last; ) {
      const end = Math.min(entry + sliceEntries, entries.last + 1);
      for (; entry < end; entry++) this.#sweepOne(entry, round);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #sweepOne(entry: number, round: SweepRound): void {
    const { entries } = this.#stored;
    if (entries.state(entry) !== entryState.live) return;
    const head = this.#heads.read(entry);
    if (head === null) return;
    const verdict = round.judge(head.answer);
    if (verdict === "valid") return;
    if (!this.#lock.enter()) {
      // The log forgets the purge after this round: it must not come back.
      if (entries.generation(entry) === head.generation) entries.changeState(entry, entryState.live, entryState.doomed);
      return;
    }
    const isSame =
      entries.generation(entry) === head.generation &&
      this.#stored.get(entry, entryWord.headVersion) === head.version &&
      entries.state(entry) === entryState.live;
    if (isSame) {
      const stale = staleFrom(head.answer, this.#clock.nowMs());
      const isKept = verdict === "soft" && this.#stored.writeHead(entry, headOf(head.key, stale));
      if (isKept) this.#stored.set(entry, entryWord.usableUntil, usableUntil(stale));
      else if (entries.state(entry) === entryState.live) this.#stored.discard(entry);
    }
    this.#lock.leave();
  }
}
