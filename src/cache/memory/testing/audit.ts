/** Looks through the whole region of a memory store and compares everything that is counted with what is there. */
import assert from "node:assert/strict";
import { entryState, entryWord } from "../entry-table.ts";
import { header, type MemoryViews } from "../memory-layout.ts";
import { StoredEntries } from "../stored-entries.ts";

/** What is in a store that nobody uses at the moment. */
export interface Audit {
  readonly live: number;
  readonly drafts: number;
  readonly pinned: number;
  readonly freeBlocks: number;
}

/** @throws AssertionError if anything does not add up. While nobody changes the store. */
export function audit(views: MemoryViews): Audit {
  const stored = new StoredEntries(views, -1, { nowMs: () => 0 });
  const { entries, blocks, index, small, main } = stored;
  const words = views.header;
  assert.equal(words[header.lockOwner], 0, "the lock is free");
  const indexed = new Set(Array.from(index.words, (word) => word & 0xff_ffff));
  const owners = new Map<number, number>();
  const counts = { live: 0, doomed: 0, drafts: 0, pinned: 0, free: 0, draftBlocks: 0 };
  for (let entry = 1; entry <= entries.last; entry++) {
    const state = entries.state(entry);
    if (entries.isPinned(entry)) counts.pinned++;
    if (state === entryState.free) {
      counts.free++;
      continue;
    }
    let own = 0;
    for (const word of [entryWord.head, entryWord.body])
      for (let run = stored.get(entry, word); run !== 0; run = blocks.nextRun(run)) {
        const length = views.links[run * 2]!;
        for (let block = run; block < run + length; block++) {
          assert.equal(owners.get(block), undefined, `block ${block} is of two entries`);
          assert.equal((views.map[block >>> 5]! >>> (block & 31)) & 1, 1, `block ${block} is taken`);
          owners.set(block, entry);
        }
        own += length;
      }
    assert.equal(
      stored.get(entry, entryWord.blocks),
      own,
      `entry ${entry} in state ${state} is charged for its blocks`,
    );
    if (stored.get(entry, entryWord.queueTime) === 0) counts.draftBlocks += own;
    if (state === entryState.draft) counts.drafts++;
    if (state === entryState.doomed) counts.doomed++;
    if (state === entryState.live) {
      counts.live++;
      assert.ok(indexed.has(entry), `live entry ${entry} is in the index`);
    }
  }
  assert.equal(words[header.freeBlocks], blocks.total - owners.size, "free blocks");
  assert.equal(
    views.map.reduce((sum, word) => sum + popCount(word), 0),
    owners.size + 1,
    "taken blocks in the map",
  );
  assert.equal(
    views.groups.reduce((sum, count) => sum + count, 0),
    owners.size + 1,
    "taken blocks in groups",
  );
  assert.equal(words[header.objects], counts.live + counts.doomed, "objects");
  assert.equal(words[header.draftBlocks], counts.draftBlocks, "blocks of drafts");
  assert.equal(words[header.lastEntry]! - freeList(stored, views), entries.last - counts.free, "free entries");
  assert.equal(index.words.filter((word) => word !== 0).length, counts.live + counts.doomed, "words of the index");
  for (const queue of [small, main]) {
    let count = 0;
    let sum = 0;
    for (let entry = queue.oldest; entry !== 0; entry = stored.get(entry, entryWord.newer)) {
      count++;
      sum += stored.get(entry, entryWord.blocks);
    }
    assert.equal(queue.count, count, "entries in a queue");
    assert.equal(queue.blocks, sum, "blocks in a queue");
  }
  assert.equal(small.count + main.count, counts.live + counts.doomed, "everything that is found is in a queue");
  return { live: counts.live, drafts: counts.drafts, pinned: counts.pinned, freeBlocks: words[header.freeBlocks]! };
}

function freeList(stored: StoredEntries, views: MemoryViews): number {
  let count = 0;
  for (let entry = views.header[header.firstFreeEntry]!; entry !== 0; entry = stored.get(entry, entryWord.newer))
    count++;
  return count;
}

function popCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
