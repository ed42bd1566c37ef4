/**
 * An answer that this thread writes into the memory store. The entry is pinned until the draft ends. What becomes too
 * large, or finds no room, is not stored, but those who read it in this thread already get all of it: what still comes
 * passes through the heap at the pace of the slowest of them. Readers in other threads break off.
 */
import { staleFrom, type StoredAnswer, withBodyBytes } from "../../http/cache/stored-answer.ts";
import type { Draft, StoredBody } from "../cache-store.ts";
import { writeStoredAnswer } from "../stored-answer-bytes.ts";
import type { BodyReader, LocalDraft } from "./body-reader.ts";
import { entryState, entryWord } from "./entry-table.ts";
import { MemoryBody } from "./memory-body.ts";
import { blockBytes } from "./memory-layout.ts";
import type { MemoryWindow } from "./memory-window.ts";
import { PassingTail } from "./passing-tail.ts";
import { blocksFor, usableNow } from "./stored-entries.ts";
import { maxHeadBytes } from "./stored-heads.ts";

/** So much is reserved at once for a body whose length is known. */
const maxReservedBytes = 262_144;

/** What a draft is of. */
export interface MemoryDraftParts {
  readonly entry: number;
  readonly id: number;
  readonly key: string;
  readonly answer: StoredAnswer;
  /** Takes it off the list of drafts. */
  readonly onEnd: (draft: MemoryDraft) => void;
  /** The entry that is stored under its key, with the lock held; 0 = none. */
  readonly findStored: (draft: MemoryDraft) => number;
}

/** A draft of this thread. */
export class MemoryDraft implements Draft, LocalDraft {
  readonly id: number;
  readonly key: string;
  readonly entry: number;
  onWritable: (() => void) | null = null;
  onFailure: (() => void) | null = null;
  onDeserted: (() => void) | null = null;
  readonly readers = new Set<BodyReader>();
  readonly #window: MemoryWindow;
  readonly #answer: StoredAnswer;
  readonly #parts: MemoryDraftParts;
  readonly #generation: number;
  #progress: LocalDraft["progress"] = "growing";
  #storedBytes = 0;
  /** The last run of the body, where it begins, and how much of it is used. */
  #run = 0;
  #usedOfRun = 0;
  #reservedBytes = 0;
  #tail: PassingTail | null = null;
  #isWaiting = false;
  #isDeserted = false;

  /** @param parts its entry is pinned for the draft */
  constructor(window: MemoryWindow, parts: MemoryDraftParts) {
    this.id = parts.id;
    this.key = parts.key;
    this.entry = parts.entry;
    this.#window = window;
    this.#answer = parts.answer;
    this.#parts = parts;
    this.#generation = window.stored.entries.generation(parts.entry);
  }

  get progress(): LocalDraft["progress"] {
    return this.#progress;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  get writtenBytes(): number {
    return this.#tail === null ? this.#storedBytes : this.#tail.end;
  }

  append(chunk: Buffer): boolean {
    if (this.#progress !== "growing" || chunk.length === 0) return true;
    if (this.#tail === null) {
      if (this.#store(chunk)) {
        this.#tell();
        return true;
      }
      this.#fail();
    }
    return this.#pass(chunk);
  }

  /** @returns false if it is too large, or there is no room */
  #store(chunk: Buffer): boolean {
    const { stored, maxObjectBytes } = this.#window;
    const end = this.#storedBytes + chunk.length;
    if (end > maxObjectBytes || !this.#reserve(end)) return false;
    for (let done = 0; done < chunk.length; ) {
      const runBytes = stored.blocks.runBytes(this.#run);
      if (this.#usedOfRun === runBytes) {
        this.#run = stored.blocks.nextRun(this.#run);
        this.#usedOfRun = 0;
        continue;
      }
      const length = Math.min(runBytes - this.#usedOfRun, chunk.length - done);
      stored.blocks.write(this.#run, this.#usedOfRun, chunk.subarray(done, done + length));
      this.#usedOfRun += length;
      done += length;
    }
    this.#storedBytes = end;
    stored.set(this.entry, entryWord.bodyBytes, end);
    return true;
  }

  /** Sees to it that the body has room for its first `end` bytes. */
  #reserve(end: number): boolean {
    if (end <= this.#reservedBytes) return true;
    const { stored, lock } = this.#window;
    const known = Math.min(this.#answer.bodyBytes ?? 0, this.#reservedBytes + maxReservedBytes);
    const count = blocksFor(Math.max(end, known) - this.#reservedBytes);
    if (!lock.enter()) return false;
    const first = stored.extend(this.entry, this.#run, count);
    lock.leave();
    if (first === 0) return false;
    if (this.#run === 0) this.#run = first;
    this.#reservedBytes += count * blockBytes;
    return true;
  }

  /** It cannot be stored: those who read it here go on, all others break off. */
  #fail(): void {
    this.#window.stored.set(this.entry, entryWord.state, entryState.broken);
    this.#ring();
    this.#tail = new PassingTail(this.#storedBytes);
    this.onFailure?.();
    this.#endIfDeserted();
  }

  #endIfDeserted(): void {
    if (this.readers.size > 0 || this.#isDeserted) return;
    this.#isDeserted = true;
    if (this.#progress === "growing") this.#end("broken");
    this.onDeserted?.();
  }

  #pass(chunk: Buffer): boolean {
    if (this.#tail === null || this.#progress !== "growing") return true;
    this.#tail.add(chunk);
    this.#tell();
    this.onReader();
    this.#isWaiting = this.#tail.isFull;
    return !this.#isWaiting;
  }

  copyUnstored(at: number, target: Buffer): number {
    return this.#tail?.copy(at, target) ?? 0;
  }

  onReader(): void {
    if (this.#tail === null || this.#progress !== "growing") return;
    if (this.readers.size === 0) return this.#endIfDeserted();
    let slowest = this.#tail.end;
    for (const reader of this.readers) slowest = Math.min(slowest, reader.at);
    this.#tail.forgetBefore(slowest);
    if (!this.#isWaiting || !this.#tail.hasRoom) return;
    this.#isWaiting = false;
    this.onWritable?.();
  }

  commit(answer: StoredAnswer): void {
    if (this.#progress !== "growing") return;
    const isWhole = answer.bodyBytes === null || answer.bodyBytes === this.writtenBytes;
    if (this.#tail !== null || !isWhole) {
      this.#end(isWhole ? "complete" : "broken");
      return;
    }
    this.#publish(withBodyBytes(answer, this.#storedBytes));
    this.#end("complete");
  }

  abort(): void {
    if (this.#progress === "growing") this.#end("broken");
  }

  read(): StoredBody {
    const { entries } = this.#window.stored;
    entries.pin(this.entry);
    if (this.#progress === "growing") return new MemoryBody(this.#window, this.entry, this.#answer, this);
    // It has ended: the entry may be another's by now.
    const isSame = entries.generation(this.entry) === this.#generation && this.#progress === "complete";
    const body = new MemoryBody(this.#window, this.entry, this.#answer, null);
    if (!isSame || entries.state(this.entry) === entryState.broken) body.release();
    return body;
  }

  /** Stores it, unless a purge is against that. Readers in all threads come to their end. */
  #publish(answer: StoredAnswer): void {
    const { stored, lock, purges, clock } = this.#window;
    const { entry } = this;
    const verdict = purges.judgeDraft(answer);
    const final = verdict === "soft" ? staleFrom(answer, clock.nowMs()) : answer;
    let isStored = false;
    if (verdict !== "gone" && lock.enter()) {
      // Whoever sweeps has had the lock since the purge: either it sees this entry, or the purge is seen here.
      isStored = purges.judgeDraft(answer) === verdict && stored.writeHead(entry, headOf(this.key, final));
      if (isStored) {
        stored.set(entry, entryWord.usableUntil, usableUntil(final));
        stored.publish(entry, this.#parts.findStored(this));
      }
      lock.leave();
    }
    if (!isStored) stored.set(entry, entryWord.state, entryState.gone);
    else if (purges.judgeDraft(answer) !== verdict) this.#window.discard(entry, stored.entries.generation(entry));
  }

  #end(progress: "complete" | "broken"): void {
    this.#progress = progress;
    const { stored } = this.#window;
    if (progress === "broken") stored.entries.changeState(this.entry, entryState.draft, entryState.broken);
    this.#ring();
    for (const reader of [...this.readers]) reader.give();
    this.#window.letGo(this.entry);
    this.#parts.onEnd(this);
  }

  /** There is more, for all who read it. */
  #tell(): void {
    this.#ring();
    for (const reader of this.readers) reader.give();
  }

  #ring(): void {
    const { stored, bells } = this.#window;
    const at = this.entry * stored.entries.stride + entryWord.waiting;
    if (Atomics.load(stored.entries.words, at) === 0) return;
    bells.ring(Atomics.exchange(stored.entries.words, at, 0));
  }
}

/** Key and answer as an entry keeps them. */
export function headOf(key: string, answer: StoredAnswer): Buffer {
  return Buffer.concat([Buffer.from(key, "latin1"), writeStoredAnswer(answer)]);
}

/** Can such a head be kept? */
export function isHeadTooLarge(head: Buffer): boolean {
  return head.length > maxHeadBytes;
}

/** Until when an answer may be used without asking anybody, as entries keep it; the sweep for room goes by it. */
export function usableUntil(answer: StoredAnswer): number {
  if (answer.variants !== null || answer.alwaysValidates) return 0x7fff_ffff;
  return usableNow(Math.max(answer.freshUntilMs, answer.staleWhileRevalidateUntilMs, answer.staleIfErrorUntilMs));
}
