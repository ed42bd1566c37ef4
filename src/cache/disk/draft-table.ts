/**
 * The answers that threads are writing to a disk, in shared memory, so that other threads can read them meanwhile: how
 * far each is on the disk, and what is said of it. One thread writes a draft; whoever else reads it marks itself, is
 * rung when there is more, and reads the file.
 *
 * Who owns what: the writer sets everything but the marks of the readers. A place is free again when the writer is
 * through and no reader is left. What a dead thread was writing is broken, and `takeDead` hands it to the control
 * thread, which deletes the file.
 *
 * Layout: a line of counts, a line of 64 bytes a draft, then a stretch of text a draft: key, then what
 * `stored-answer-bytes.ts` writes.
 */
import { bytesOf, type SharedRegion, wordsOf } from "../../base/shared-memory.ts";

/** What becomes of a draft. */
export const DraftState = {
  growing: 1,
  /** Its length is known, it is the store's answer from now on, but its file has not its name yet. */
  committing: 2,
  complete: 3,
  broken: 4,
  /** Broken, and its writer cannot clean up any more. */
  dead: 5,
  /** As committing, but it will not be the store's answer: it was purged meanwhile. */
  unwanted: 6,
} as const;

const slots = 1_024;
const slotMask = slots - 1;
const slotBits = 10;
const textBytes = 8_192;
const lineWords = 16;

/** How many drafts are committing, and below which place all drafts are. */
const committingAt = 0;
const highWaterAt = 1;

const idAt = 0;
const stateAt = 1;
const lowAt = 2;
const highAt = 3;
const writtenAt = 4;
const bodyBytesAt = 5;
const slotBytesAt = 6;
const keyBytesAt = 7;
const answerBytesAt = 8;
const lifeAt = 9;
const writerAt = 10;
/** How many drafts this place had. */
const usesAt = 11;
const readersAt = 12;
const readerWords = 4;
const maxUses = 2 ** (31 - slotBits) - 1;

/** How many threads can read drafts of others. */
const maxReaderStripes = 32 * readerWords;
/** The longest body: what a word can count. */
export const maxBodyBytes = 2 ** 32 - 1;

/** What a draft begins with. */
export interface DraftPlace {
  readonly low: number;
  readonly high: number;
  readonly life: number;
  readonly key: string;
  readonly answerBytes: Buffer;
  readonly slotBytes: number;
}

/** A draft of another thread. */
export interface SharedDraft extends Omit<DraftPlace, "low" | "high"> {
  readonly id: number;
}

/** A file that a dead thread has left. */
export interface LeftDraft {
  readonly id: number;
  readonly life: number;
  readonly low: number;
  readonly high: number;
}

/** One thread's window on the drafts of a store. */
export class DraftTable {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #text: Buffer;
  readonly #stripeIndex: number;

  /** @param stripeIndex -1 = the control thread, which writes and reads none */
  constructor(region: SharedRegion, stripeIndex: number) {
    this.#words = wordsOf(region);
    const { buffer, byteOffset, byteLength } = bytesOf(region);
    const start = 4 * lineWords * (slots + 1);
    this.#text = Buffer.from(buffer, byteOffset + start, byteLength - start);
    this.#stripeIndex = stripeIndex;
  }

  static readonly regionBytes = 4 * lineWords * (slots + 1) + slots * textBytes;

  /** Makes a draft of this thread. @returns its id, or 0 if there is no room */
  create({ low, high, life, key, answerBytes, slotBytes }: DraftPlace): number {
    const words = this.#words;
    const claim = -2 - this.#stripeIndex;
    for (let slot = 0; slot < slots; slot++) {
      const at = lineOf(slot);
      if (words[at] !== 0 || Atomics.compareExchange(words, at + idAt, 0, claim) !== 0) continue;
      this.#raiseHighWater(slot + 1);
      const uses = words[at + usesAt]! >= maxUses ? 1 : words[at + usesAt]! + 1;
      words[at + usesAt] = uses;
      words[at + stateAt] = DraftState.growing;
      words[at + lowAt] = low;
      words[at + highAt] = high;
      words[at + writtenAt] = 0;
      words[at + bodyBytesAt] = 0;
      words[at + slotBytesAt] = slotBytes;
      words[at + lifeAt] = life;
      words[at + writerAt] = this.#stripeIndex;
      const isShared = key.length + answerBytes.length <= textBytes && this.#stripeIndex < maxReaderStripes;
      words[at + keyBytesAt] = isShared ? key.length : 0;
      words[at + answerBytesAt] = isShared ? answerBytes.length : 0;
      if (isShared) {
        this.#text.latin1Write(key, slot * textBytes);
        answerBytes.copy(this.#text, slot * textBytes + key.length);
      }
      const id = uses * slots + slot;
      Atomics.store(words, at + idAt, id);
      return id;
    }
    return 0;
  }

  /** So much of its body is in the file. @returns the mask of the threads that wait for it */
  setWritten(id: number, bytes: number): number {
    const at = lineOf(id & slotMask);
    Atomics.store(this.#words, at + writtenAt, bytes | 0);
    return this.#readerMask(at);
  }

  /** Is there a reader in another thread? */
  hasReaders(id: number): boolean {
    return this.#readerMask(lineOf(id & slotMask)) !== 0;
  }

  /** @returns the mask of the threads that read it */
  commit(id: number, bodyBytes: number, state: typeof DraftState.committing | typeof DraftState.unwanted): number {
    const at = lineOf(id & slotMask);
    this.#words[at + bodyBytesAt] = bodyBytes | 0;
    if (state === DraftState.committing) Atomics.add(this.#words, committingAt, 1);
    Atomics.store(this.#words, at + stateAt, state);
    return this.#readerMask(at);
  }

  /** Its file has its name, or it is broken. @returns the mask of the threads that read it */
  finish(id: number, state: typeof DraftState.complete | typeof DraftState.broken): number {
    const at = lineOf(id & slotMask);
    const before = Atomics.exchange(this.#words, at + stateAt, state);
    if (before === DraftState.committing) Atomics.sub(this.#words, committingAt, 1);
    this.#freeIfDone(at, id);
    return this.#readerMask(at);
  }

  /** A draft of another thread that is being written, which this thread reads from now on; `leave` follows. */
  join(id: number): SharedDraft | null {
    const words = this.#words;
    const slot = id & slotMask;
    const at = lineOf(slot);
    const stripe = this.#stripeIndex;
    if (id <= 0 || stripe >= maxReaderStripes || Atomics.load(words, at + idAt) !== id) return null;
    const mask = at + readersAt + (stripe >> 5);
    const before = Atomics.or(words, mask, 1 << (stripe & 31));
    const state = Atomics.load(words, at + stateAt);
    const isThere = Atomics.load(words, at + idAt) === id && words[at + answerBytesAt]! > 0 && isBeingWritten(state);
    if (!isThere) {
      // Readers of this thread that were there before keep their mark.
      if ((before & (1 << (stripe & 31))) === 0) this.#clearMark(at, id);
      return null;
    }
    const start = slot * textBytes;
    const keyBytes = words[at + keyBytesAt]!;
    return {
      id,
      life: words[at + lifeAt]!,
      slotBytes: words[at + slotBytesAt]!,
      key: this.#text.latin1Slice(start, start + keyBytes),
      answerBytes: Buffer.from(this.#text.subarray(start + keyBytes, start + keyBytes + words[at + answerBytesAt]!)),
    };
  }

  /** The last reader of this thread is through with it. */
  leave(id: number): void {
    const at = lineOf(id & slotMask);
    if (Atomics.load(this.#words, at + idAt) === id) this.#clearMark(at, id);
  }

  /** The thread that writes it. */
  writerOf(id: number): number {
    return this.#words[lineOf(id & slotMask) + writerAt]!;
  }

  /** What became of it, for one who has joined. */
  stateOf(id: number): number {
    const at = lineOf(id & slotMask);
    const state = Atomics.load(this.#words, at + stateAt);
    return Atomics.load(this.#words, at + idAt) === id ? state : DraftState.broken;
  }

  writtenOf(id: number): number {
    return Atomics.load(this.#words, lineOf(id & slotMask) + writtenAt) >>> 0;
  }

  /** The length of its body, once it is committing. */
  bodyBytesOf(id: number): number {
    return this.#words[lineOf(id & slotMask) + bodyBytesAt]! >>> 0;
  }

  /** The draft that is the answer for this hash, though its file has not its name yet; 0 = there is none. */
  findCommitting(low: number, high: number): number {
    const words = this.#words;
    if (Atomics.load(words, committingAt) <= 0) return 0;
    const end = lineOf(Atomics.load(words, highWaterAt));
    for (let at = lineOf(0); at < end; at += lineWords)
      if (
        words[at + lowAt] === low &&
        words[at + highAt] === high &&
        Atomics.load(words, at + stateAt) === DraftState.committing
      )
        return Math.max(0, Atomics.load(words, at + idAt));
    return 0;
  }

  /** The draft that is the answer for this hash, in whatever thread, is not wanted any more. */
  disown(low: number, high: number): void {
    const id = this.findCommitting(low, high);
    const at = lineOf(id & slotMask);
    if (id === 0 || Atomics.load(this.#words, at + idAt) !== id) return;
    const { committing, unwanted } = DraftState;
    if (Atomics.compareExchange(this.#words, at + stateAt, committing, unwanted) === committing)
      Atomics.sub(this.#words, committingAt, 1);
  }

  /** What a dead thread was writing is broken, and it reads nothing any more. @returns whom to ring */
  clearStripe(stripeIndex: number): number {
    const words = this.#words;
    let mask = 0;
    const claim = -2 - stripeIndex;
    for (let slot = 0; slot < slots; slot++) {
      const at = lineOf(slot);
      if (stripeIndex < maxReaderStripes)
        Atomics.and(words, at + readersAt + (stripeIndex >> 5), ~(1 << (stripeIndex & 31)));
      Atomics.compareExchange(words, at + idAt, claim, 0);
      const id = Atomics.load(words, at + idAt);
      if (id <= 0) continue;
      const state = Atomics.load(words, at + stateAt);
      if (words[at + writerAt] === stripeIndex && isBeingWritten(state)) {
        Atomics.store(words, at + stateAt, DraftState.dead);
        if (state === DraftState.committing) Atomics.sub(words, committingAt, 1);
        mask |= this.#readerMask(at);
      } else this.#freeIfDone(at, id);
    }
    return mask;
  }

  /** The files that dead threads have left. In the control thread. */
  takeDead(): LeftDraft[] {
    const words = this.#words;
    const left: LeftDraft[] = [];
    const end = lineOf(Atomics.load(words, highWaterAt));
    for (let at = lineOf(0); at < end; at += lineWords) {
      const id = Atomics.load(words, at + idAt);
      if (id <= 0 || Atomics.load(words, at + stateAt) !== DraftState.dead) continue;
      left.push({ id, life: words[at + lifeAt]!, low: words[at + lowAt]!, high: words[at + highAt]! });
      Atomics.store(words, at + stateAt, DraftState.broken);
      this.#freeIfDone(at, id);
    }
    return left;
  }

  /** How many places are taken. For leak checks. */
  get count(): number {
    let count = 0;
    for (let slot = 0; slot < slots; slot++) if (Atomics.load(this.#words, lineOf(slot)) !== 0) count++;
    return count;
  }

  #clearMark(at: number, id: number): void {
    const stripe = this.#stripeIndex;
    Atomics.and(this.#words, at + readersAt + (stripe >> 5), ~(1 << (stripe & 31)));
    this.#freeIfDone(at, id);
  }

  #freeIfDone(at: number, id: number): void {
    const state = Atomics.load(this.#words, at + stateAt);
    if (state !== DraftState.complete && state !== DraftState.broken) return;
    if (this.#readerMask(at) === 0) Atomics.compareExchange(this.#words, at + idAt, id, 0);
  }

  /** As `Doorbells.ring` takes it: all threads from 31 on share a bit. */
  #readerMask(at: number): number {
    const words = this.#words;
    let mask = Atomics.load(words, at + readersAt);
    for (let word = 1; word < readerWords; word++)
      if (Atomics.load(words, at + readersAt + word) !== 0) mask |= 1 << 31;
    return mask;
  }

  #raiseHighWater(to: number): void {
    for (let known = Atomics.load(this.#words, highWaterAt); known < to; known = Atomics.load(this.#words, highWaterAt))
      Atomics.compareExchange(this.#words, highWaterAt, known, to);
  }
}

function isBeingWritten(state: number): boolean {
  return state === DraftState.growing || state === DraftState.committing || state === DraftState.unwanted;
}

function lineOf(slot: number): number {
  return lineWords * (slot + 1);
}
