/**
 * The memory store: answers in one region of shared memory, so that a hit in any thread is a hit. Looking up takes no
 * lock; what changes the structure takes one for a few microseconds. All of it, keys, heads, tags and links included,
 * lies within `maxBytes`: a store that is full evicts, and if all that is there is being read, it takes nothing new.
 */
import { KeyedHash } from "../../base/keyed-hash.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { type CacheStore, type Draft, maxKeyBytes, type StoredBody } from "../cache-store.ts";
import { entryState, entryWord } from "./entry-table.ts";
import { MemoryBody } from "./memory-body.ts";
import { headOf, isHeadTooLarge, MemoryDraft, usableUntil } from "./memory-draft.ts";
import { blockBytes, bucketSlots, header, type MemoryViews } from "./memory-layout.ts";
import { MemoryWindow, type MemoryWindowParts } from "./memory-window.ts";
import type { StoredHead } from "./stored-heads.ts";

/** An entry may be replaced while it is looked at; then the look begins anew. */
const maxLooks = 4;
const maxCount = 3;
/** The number of a draft is its entry, and which use of the entry it is. */
const entryNumbers = 0x100_0000;
const generationMask = 0x1fff_ffff;

/** One thread's window on the memory store. */
export class MemoryStore implements CacheStore {
  readonly maxObjectBytes: number;
  readonly #window: MemoryWindow;
  readonly #index: Int32Array<SharedArrayBuffer>;
  readonly #hash: KeyedHash;
  readonly #drafts = new Map<number, MemoryDraft>();
  readonly #listening: { close(): void };

  /** @param views a region that `MemoryControl` has set up */
  constructor(views: MemoryViews, parts: MemoryWindowParts) {
    this.maxObjectBytes = Math.min(parts.maxObjectBytes, largestBody(views.layout.blocks));
    this.#window = new MemoryWindow(views, { ...parts, maxObjectBytes: this.maxObjectBytes });
    this.#index = views.index;
    this.#hash = new KeyedHash(views.header[header.seedLow]!, views.header[header.seedHigh]!);
    this.#listening = parts.bells.listen(() => {
      for (const reader of [...this.#window.waiting]) reader.give();
    });
  }

  find(key: string, done: (found: StoredBody | null) => void): void {
    if (this.#window.isClosed) return done(null);
    this.#hash.update(key);
    const { low, high } = this.#hash;
    done(
      this.#look(key, this.#window.stored.index.first(low)) ?? this.#look(key, this.#window.stored.index.second(high)),
    );
  }

  /** Looks into one bucket, for the key whose hash was made last. */
  #look(key: string, start: number): StoredBody | null {
    const { low, high } = this.#hash;
    const { entries, index } = this.#window.stored;
    const words = this.#index;
    for (let slot = start, looks = 0; slot < start + bucketSlots; ) {
      const word = Atomics.load(words, slot);
      const entry = index.candidate(word, low);
      if (entry !== 0) {
        entries.pin(entry);
        const head = this.#headIf(entry, low, high);
        if (head !== null && head.key === key) {
          this.#count(entry);
          return new MemoryBody(this.#window, entry, head.answer, null);
        }
        this.#window.letGo(entry);
        if (Atomics.load(words, slot) !== word && ++looks < maxLooks) continue;
      }
      slot++;
    }
    return null;
  }

  /** The head of a pinned entry if that is live and has this hash. */
  #headIf(entry: number, low: number, high: number): StoredHead | null {
    const { stored, heads } = this.#window;
    if (stored.entries.state(entry) !== entryState.live) return null;
    if (stored.get(entry, entryWord.hashLow) !== low || stored.get(entry, entryWord.hashHigh) !== high) return null;
    return heads.read(entry);
  }

  #count(entry: number): void {
    const { stored } = this.#window;
    const frequency = stored.get(entry, entryWord.frequency);
    if (frequency < maxCount) stored.set(entry, entryWord.frequency, frequency + 1);
  }

  create(key: string, answer: StoredAnswer): Draft | null {
    const window = this.#window;
    if (window.isClosed || key.length > maxKeyBytes || (answer.bodyBytes ?? 0) > this.maxObjectBytes) return null;
    const head = headOf(key, answer);
    if (isHeadTooLarge(head) || !window.lock.enter()) return null;
    this.#hash.update(key);
    const { low, high } = this.#hash;
    const entry = window.stored.create({ low, high, head, keyBytes: key.length, writer: window.stripeIndex });
    if (entry !== 0) window.stored.entries.pin(entry);
    window.lock.leave();
    if (entry === 0) return null;
    const id = (window.stored.entries.generation(entry) & generationMask) * entryNumbers + entry;
    const draft = new MemoryDraft(window, {
      entry,
      id,
      key,
      answer,
      onEnd: () => void this.#drafts.delete(id),
      findStored: () => this.#findStored(key),
    });
    this.#drafts.set(id, draft);
    return draft;
  }

  findDraft(id: number): StoredBody | null {
    const own = this.#drafts.get(id);
    if (own !== undefined) return own.read();
    const { stored, heads, isClosed } = this.#window;
    const entry = id % entryNumbers;
    if (isClosed || entry === 0 || entry > stored.entries.last) return null;
    stored.entries.pin(entry);
    const state = stored.entries.state(entry);
    const isSame = (stored.entries.generation(entry) & generationMask) === Math.floor(id / entryNumbers);
    const isThere = state === entryState.draft || state === entryState.live || state === entryState.gone;
    const head = isSame && isThere ? heads.read(entry) : null;
    if (head !== null) return new MemoryBody(this.#window, entry, head.answer, null);
    this.#window.letGo(entry);
    return null;
  }

  refresh(key: string, found: StoredBody, answer: StoredAnswer): void {
    const window = this.#window;
    if (window.isClosed || !(found instanceof MemoryBody)) return;
    const { entry, generation } = found;
    const head = headOf(key, answer);
    if (isHeadTooLarge(head) || window.purges.judgeDraft(answer) !== "valid" || !window.lock.enter()) return;
    const { stored } = window;
    const isSame = stored.entries.generation(entry) === generation && stored.entries.state(entry) === entryState.live;
    const isWritten = isSame && stored.get(entry, entryWord.keyBytes) === key.length && stored.writeHead(entry, head);
    if (isWritten) stored.set(entry, entryWord.usableUntil, usableUntil(answer));
    window.lock.leave();
    // A purge that came in between may have been swept before this was written.
    if (isWritten && window.purges.judgeDraft(answer) !== "valid") window.discard(entry, generation);
  }

  remove(key: string): void {
    if (this.#window.isClosed) return;
    const entry = this.#findStored(key);
    if (entry !== 0) this.#window.discard(entry, this.#window.stored.entries.generation(entry));
  }

  /** The live entry of `key`, without a pin; 0 = none. */
  #findStored(key: string): number {
    this.#hash.update(key);
    const { low, high } = this.#hash;
    const { index } = this.#window.stored;
    for (const start of [index.first(low), index.second(high)])
      for (let slot = start; slot < start + bucketSlots; slot++) {
        const entry = index.candidate(Atomics.load(this.#index, slot), low);
        if (entry !== 0 && this.#headIf(entry, low, high)?.key === key) return entry;
      }
    return 0;
  }

  close(): void {
    const window = this.#window;
    if (window.isClosed) return;
    for (const draft of [...this.#drafts.values()]) draft.abort();
    for (const reader of [...window.reading]) reader.breakOff();
    window.isClosed = true;
    this.#listening.close();
  }
}

/** The largest body that a store of so many blocks takes: three quarters of it, and what a word of an entry can say. */
function largestBody(blocks: number): number {
  return Math.min(0x7fff_ffff, Math.floor((blocks * 3) / 4) * blockBytes);
}
