/** What the parts of one thread's memory store share. */
import type { SteadyClock } from "../../base/steady-clock.ts";
import type { PurgeLog } from "../purge/purge-log.ts";
import { CopyBuffer } from "./copy-buffer.ts";
import { entryState } from "./entry-table.ts";
import type { MemoryViews } from "./memory-layout.ts";
import { StoreLock } from "./store-lock.ts";
import { StoredEntries } from "./stored-entries.ts";
import { StoredHeads } from "./stored-heads.ts";

/** Wakes threads; `Doorbells` is one. */
export interface Bells {
  readonly ownMask: number;
  ring(mask: number): void;
  listen(run: () => void): { close(): void };
}

/** Somebody who reads a body. */
export interface WindowReader {
  /** Gives what there is. */
  give(): void;
  /** The body cannot be given any further. */
  breakOff(): void;
}

/** What a thread lends to its memory store. */
export interface MemoryWindowParts {
  readonly stripeIndex: number;
  readonly clock: Pick<SteadyClock, "nowMs">;
  readonly bells: Bells;
  readonly purges: Pick<PurgeLog, "judgeDraft">;
  readonly maxObjectBytes: number;
}

/** One thread's way to the shared region. */
export class MemoryWindow {
  readonly stripeIndex: number;
  readonly clock: Pick<SteadyClock, "nowMs">;
  readonly bells: Bells;
  readonly purges: Pick<PurgeLog, "judgeDraft">;
  readonly maxObjectBytes: number;
  readonly stored: StoredEntries;
  readonly heads: StoredHeads;
  readonly lock: StoreLock;
  readonly copies = new CopyBuffer();
  /** Those who wait for more of another thread's drafts. */
  readonly waiting = new Set<WindowReader>();
  /** Bodies that are being read and did not end at once. */
  readonly reading = new Set<WindowReader>();
  isClosed = false;

  constructor(views: MemoryViews, parts: MemoryWindowParts) {
    this.stripeIndex = parts.stripeIndex;
    this.clock = parts.clock;
    this.bells = parts.bells;
    this.purges = parts.purges;
    this.maxObjectBytes = parts.maxObjectBytes;
    this.stored = new StoredEntries(views, parts.stripeIndex, parts.clock);
    this.heads = new StoredHeads(this.stored.entries, this.stored.blocks);
    this.lock = new StoreLock(views.header, parts.stripeIndex + 1);
  }

  /** Takes a pin back, and frees the entry if it waited for that. */
  letGo(entry: number): void {
    if (!this.stored.entries.unpin(entry)) return;
    this.freeIfUnread(entry);
  }

  /** Frees an entry that is gone or broken, now or, if the lock cannot be had, when somebody looks for room. */
  freeIfUnread(entry: number): void {
    if (!this.lock.enter()) return;
    this.stored.freeIfUnread(entry);
    this.lock.leave();
  }

  /** A live entry is not found any more, with the lock or without it. */
  discard(entry: number, generation: number): void {
    const { entries } = this.stored;
    if (this.lock.enter()) {
      const state = entries.state(entry);
      if (entries.generation(entry) === generation && (state === entryState.live || state === entryState.doomed))
        this.stored.discard(entry);
      this.lock.leave();
    } else if (entries.generation(entry) === generation) entries.changeState(entry, entryState.live, entryState.doomed);
  }
}
