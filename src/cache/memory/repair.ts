/**
 * Puts the store in order again after a thread has died while it held the lock. What an entry says of itself is the
 * truth: the index, the queues, the map of blocks and all counts are worked out anew from the entries. What the thread
 * was changing in that moment is let go.
 */
import { entryState, entryWord } from "./entry-table.ts";
import { bucketSlots, header, type MemoryViews } from "./memory-layout.ts";
import type { StoredEntries } from "./stored-entries.ts";

/** Numbers of entries fit below this, so that a time and an entry are one number to sort by. */
const entryNumbers = 0x100_0000;

/** @param stored with the lock held, which was taken from the dead thread */
export function repair(stored: StoredEntries, views: MemoryViews): void {
  const { entries, blocks, index, small, main } = stored;
  const words = views.header;
  blocks.reset();
  index.words.fill(0);
  small.reset();
  main.reset();
  for (const count of [header.firstFreeEntry, header.objects, header.draftBlocks]) words[count] = 0;
  const live: number[] = [];
  for (let entry = 1; entry <= entries.last; entry++) {
    const state = entries.state(entry);
    if (state === entryState.free || !claim(stored, entry)) {
      reset(stored, entry);
      entries.give(entry);
      continue;
    }
    const wasQueued = stored.get(entry, entryWord.queueTime) !== 0;
    if (state === entryState.live && (stored.get(entry, entryWord.headVersion) & 1) === 0)
      live.push((stored.get(entry, entryWord.queueTime) >>> 0) * entryNumbers + entry);
    else {
      if (state === entryState.live || state === entryState.doomed) stored.set(entry, entryWord.state, entryState.gone);
      stored.set(entry, entryWord.queue, 0);
      if (!wasQueued) words[header.draftBlocks]! += stored.get(entry, entryWord.blocks);
      if (state !== entryState.draft) stored.freeIfUnread(entry);
    }
  }
  enterLive(stored, views, Float64Array.from(live).sort());
}

/** Marks the blocks of an entry as taken. @returns false if they cannot be its own */
function claim(stored: StoredEntries, entry: number): boolean {
  let count = 0;
  for (const word of [entryWord.head, entryWord.body]) {
    const first = stored.get(entry, word);
    const claimed = first === 0 ? 0 : stored.blocks.claim(first);
    if (claimed < 0) {
      if (word === entryWord.body) stored.blocks.give(stored.get(entry, entryWord.head));
      return false;
    }
    count += claimed;
  }
  stored.set(entry, entryWord.blocks, count);
  return true;
}

/** The entry holds nothing any more; whoever knows it by its generation finds that out. */
function reset(stored: StoredEntries, entry: number): void {
  stored.set(entry, entryWord.generation, stored.get(entry, entryWord.generation) + 1);
  for (const word of [entryWord.state, entryWord.head, entryWord.body, entryWord.blocks, entryWord.queue])
    stored.set(entry, word, 0);
}

/** Puts what is found back into queue and index, in the order in which it came into its queue. */
function enterLive(stored: StoredEntries, views: MemoryViews, order: Float64Array): void {
  for (const number of order) {
    const entry = number % entryNumbers;
    const queue = stored.get(entry, entryWord.queue);
    (queue === header.smallQueue ? stored.small : stored.main).add(entry);
    views.header[header.objects]!++;
    const low = stored.get(entry, entryWord.hashLow);
    const high = stored.get(entry, entryWord.hashHigh);
    // Of two of one key the later one counts: the thread died before it took the other out.
    const before = sameHash(stored, low, high);
    if (before !== 0 && stored.index.replace(low, high, before, entry)) stored.discard(before);
    else if (!stored.index.put(low, high, entry)) stored.discard(entry);
  }
}

function sameHash(stored: StoredEntries, low: number, high: number): number {
  const { index } = stored;
  for (const start of [index.first(low), index.second(high)])
    for (let slot = start; slot < start + bucketSlots; slot++) {
      const entry = index.candidate(index.words[slot]!, low);
      if (entry === 0) continue;
      if (stored.get(entry, entryWord.hashLow) === low && stored.get(entry, entryWord.hashHigh) === high) return entry;
    }
  return 0;
}
