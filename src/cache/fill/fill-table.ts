/**
 * Who is fetching what, over all threads: a table in shared memory, in sets of eight places. A key's place says which
 * thread leads its fill, which threads wait for it, and what has come of it.
 *
 *     free → fetching → published → done → free        `published`: there is a draft that others can read
 *               │  │         └──────────→ vacant        `done`: it is complete, but not all who waited have looked yet
 *               │  └→ refused → free                    `refused`: nothing to share; all who wait go for themselves
 *               └────→ vacant → fetching                `vacant`: the leader has failed; the first who looks leads now
 *
 * A place is free again when nobody waits for it any more. What becomes free gets another version, so that a thread that
 * looks late notices. Each set has a lock, which is held for less than a microsecond and by threads that do nothing else
 * meanwhile; a thread that dies with it is let go by `clearStripe`, like all that it led or waited for.
 */
import type { Doorbells } from "./doorbells.ts";
import { maskOf } from "./doorbells.ts";

const ways = 8;
const sets = 512;
const placeWords = 16;
const lineWords = 16;
/** Threads beyond these fetch without knowing of others. */
const maxStripes = 128;

// The words of a place.
const state = 0;
const tag = 1;
const draftLow = 5;
const draftHigh = 6;
const waiters = 8;
const waiterWords = maxStripes / 32;
const stampLow = 12;
const stampHigh = 13;

// The state of a place: version, thread, phase.
const phaseMask = 7;
const stripeShift = 3;
const stripeMask = 255;
const versionShift = 11;

const Phase = { free: 0, fetching: 1, published: 2, done: 3, refused: 4, vacant: 5 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** How often a lock is tried in a row, and how often with a pause of a millisecond then: who comes may do without. */
const spins = 300;
const pauses = 50;
/** What is done for a dead thread must not be lost either, and the control thread may wait. */
const clearPauses = 1_000;
/**
 * What a leader says must not be lost because the machine let the holder of a lock wait: it is said again after so many
 * milliseconds.
 */
const retryMs = 10;

/** What a thread finds. */
export type FillState = "lead" | "wait" | "draft" | "alone" | "ended";

/** The table, as one thread sees it. */
export class FillTable {
  /** Of what `enter` or `look` has found last: its place and version, the draft if there is one. */
  place = 0;
  version = 0;
  draftId = 0;
  /** Names the answer; 0 = none yet. */
  stamp = 0;
  readonly #words: Int32Array;
  readonly #attention: number;
  readonly #locks: number;
  readonly #places: number;
  readonly #stripeIndex: number;
  readonly #doorbells: Pick<Doorbells, "ring">;
  /** What is to be noted still, in its order. */
  #undone: (() => boolean)[] = [];

  /** @param words `byteLength` of them, zeros at first @param stripeIndex -1 = a thread that only clears up */
  constructor(words: Int32Array, parts: { stripeIndex: number; stripes: number; doorbells: Pick<Doorbells, "ring"> }) {
    this.#words = words;
    this.#attention = 0;
    this.#locks = parts.stripes * lineWords;
    this.#places = this.#locks + sets;
    this.#stripeIndex = parts.stripeIndex;
    this.#doorbells = parts.doorbells;
  }

  static byteLength(stripes: number): number {
    return (stripes * lineWords + sets + sets * ways * placeWords) * 4;
  }

  /** Changes whenever something has happened that this thread waits for. */
  get attention(): number {
    return Atomics.load(this.#words, this.#attention + this.#stripeIndex * lineWords);
  }

  /** Enters `digest`'s fill: leads it if nobody does, else waits for it. */
  enter(digest: Int32Array): FillState {
    if (this.#stripeIndex >= maxStripes) return "alone";
    const set = digest[0]! & (sets - 1);
    if (!this.#lock(set)) return "alone";
    try {
      return this.#enter(set, digest);
    } finally {
      this.#unlock(set);
    }
  }

  #enter(set: number, digest: Int32Array): FillState {
    const words = this.#words;
    let free = -1;
    const first = this.#places + set * ways * placeWords;
    for (let place = first; place < first + ways * placeWords; place += placeWords) {
      const phase = (words[place]! & phaseMask) as Phase;
      if (phase === Phase.free) free = free === -1 ? place : free;
      else if (this.#isOf(place, digest)) return this.#join(place, phase);
    }
    if (free === -1) return "alone";
    for (let at = 0; at < 4; at++) words[free + tag + at] = digest[at]!;
    for (let at = 0; at < waiterWords; at++) words[free + waiters + at] = 0;
    this.#write(free, 0, 0);
    this.#note(free);
    this.#put(free, Phase.fetching);
    return "lead";
  }

  #join(place: number, phase: Phase): FillState {
    this.#note(place);
    switch (phase) {
      case Phase.fetching:
        this.#words[place + waiters + (this.#stripeIndex >>> 5)]! |= 1 << (this.#stripeIndex & 31);
        return "wait";
      case Phase.published:
      case Phase.done:
        return "draft";
      case Phase.vacant:
        this.#put(place, Phase.fetching);
        return "lead";
      default:
        return "alone";
    }
  }

  /** Whether something may have come of a fill that this thread waits for. Costs next to nothing. */
  hasChanged(place: number, version: number): boolean {
    const now = Atomics.load(this.#words, place);
    return now >>> versionShift !== version || (now & phaseMask) !== Phase.fetching;
  }

  /** What has come of a fill that this thread waits for. Unless it is "wait", this thread waits no more. */
  look(place: number, version: number): FillState {
    const set = this.#setOf(place);
    if (!this.#lock(set)) {
      this.#call(this.#stripeIndex);
      return "wait";
    }
    try {
      if (this.#words[place]! >>> versionShift !== version) return "ended";
      this.#note(place);
      const phase = this.#words[place]! & phaseMask;
      if (phase === Phase.fetching) return "wait";
      this.#leave(place, this.#stripeIndex);
      if (phase === Phase.vacant) {
        this.#put(place, Phase.fetching);
        return "lead";
      }
      this.#freeIfOver(place);
      return phase === Phase.refused ? "alone" : "draft";
    } finally {
      this.#unlock(set);
    }
  }

  /** This thread does not wait for it any more. */
  leave(place: number, version: number): void {
    this.#change(place, version, () => {
      this.#leave(place, this.#stripeIndex);
      this.#freeIfOver(place);
    });
  }

  /** The leader has a draft that others can read. */
  publish(place: number, version: number, { draftId, stamp }: { draftId: number; stamp: number }): void {
    this.#change(place, version, () => {
      this.#write(place, draftId, stamp);
      this.#end(place, Phase.published);
    });
  }

  /** The store has it. */
  finish(place: number, version: number, stamp: number): void {
    this.#change(place, version, () => {
      this.#note(place);
      this.#write(place, this.draftId, stamp);
      this.#end(place, Phase.done);
    });
  }

  /** There is nothing to share. */
  refuse(place: number, version: number): void {
    this.#change(place, version, () => this.#end(place, Phase.refused));
  }

  /** The leader has failed: one of those who wait leads next. */
  fail(place: number, version: number): void {
    this.#change(place, version, () => this.#end(place, Phase.vacant));
  }

  /** Takes a dead thread out. In the control thread, before its successor starts. */
  clearStripe(stripeIndex: number): void {
    const words = this.#words;
    for (let set = 0; set < sets; set++) {
      Atomics.compareExchange(words, this.#locks + set, stripeIndex + 1, 0);
      const first = this.#places + set * ways * placeWords;
      for (let place = first; place < first + ways * placeWords; place += placeWords) {
        if ((Atomics.load(words, place) & phaseMask) === Phase.free) continue;
        if (!this.#lock(set, clearPauses)) continue;
        this.#clear(place, stripeIndex);
        this.#unlock(set);
      }
    }
  }

  #clear(place: number, stripeIndex: number): void {
    const now = this.#words[place]!;
    const phase = now & phaseMask;
    if (phase === Phase.free) return;
    if (stripeIndex < maxStripes) this.#leave(place, stripeIndex);
    const isLed = phase === Phase.fetching || phase === Phase.published;
    if (isLed && ((now >>> stripeShift) & stripeMask) === stripeIndex) this.#end(place, Phase.vacant);
    // It may have died before it told the others.
    else this.#tell(place);
  }

  // Under the lock of the set.

  /**
   * Does something with a place that still has `version`; later, if somebody has the lock for too long. A place whose
   * leader could not say that it is through would have everybody wait in vain.
   */
  #change(place: number, version: number, run: () => void): void {
    const change = (): boolean => this.#tryToChange(place, version, run);
    if (this.#undone.length === 0 && change()) return;
    if (this.#undone.push(change) === 1) setTimeout(this.#catchUp, retryMs).unref();
  }

  #tryToChange(place: number, version: number, run: () => void): boolean {
    const set = this.#setOf(place);
    if (!this.#lock(set)) return false;
    try {
      if (this.#words[place]! >>> versionShift === version) run();
    } finally {
      this.#unlock(set);
    }
    return true;
  }

  readonly #catchUp = (): void => {
    while (this.#undone.length > 0 && this.#undone[0]!()) this.#undone.shift();
    if (this.#undone.length > 0) setTimeout(this.#catchUp, retryMs).unref();
  };

  #end(place: number, phase: Phase): void {
    const now = this.#words[place]!;
    Atomics.store(this.#words, place, (now & ~phaseMask) | phase);
    this.#tell(place);
  }

  /** Wakes those who wait; if nobody does, what is over is free. */
  #tell(place: number): void {
    if (this.#freeIfOver(place)) return;
    for (let word = 0; word < waiterWords; word++) {
      for (let rest = this.#words[place + waiters + word]!; rest !== 0; rest &= rest - 1) {
        const stripe = word * 32 + 31 - Math.clz32(rest & -rest);
        this.#call(stripe);
      }
    }
  }

  /** Has the thread look for what has changed. */
  #call(stripe: number): void {
    Atomics.add(this.#words, this.#attention + stripe * lineWords, 1);
    this.#doorbells.ring(maskOf(stripe));
  }

  #freeIfOver(place: number): boolean {
    const words = this.#words;
    const now = words[place]!;
    const phase = now & phaseMask;
    if (phase === Phase.fetching || phase === Phase.published) return false;
    for (let word = 0; word < waiterWords; word++) if (words[place + waiters + word] !== 0) return false;
    Atomics.store(words, place, ((now >>> versionShift) + 1) << versionShift);
    return true;
  }

  #leave(place: number, stripeIndex: number): void {
    this.#words[place + waiters + (stripeIndex >>> 5)]! &= ~(1 << (stripeIndex & 31));
  }

  /** The place is this thread's, in `phase`. */
  #put(place: number, phase: Phase): void {
    const version = this.#words[place]! >>> versionShift;
    Atomics.store(this.#words, place, (version << versionShift) | (this.#stripeIndex << stripeShift) | phase);
  }

  #note(place: number): void {
    const words = this.#words;
    this.place = place;
    this.version = words[place + state]! >>> versionShift;
    this.draftId = words[place + draftHigh]! * 2 ** 32 + (words[place + draftLow]! >>> 0);
    this.stamp = words[place + stampHigh]! * 2 ** 32 + (words[place + stampLow]! >>> 0);
  }

  #write(place: number, draftId: number, stamp: number): void {
    const words = this.#words;
    words[place + draftLow] = draftId | 0;
    words[place + draftHigh] = Math.floor(draftId / 2 ** 32);
    words[place + stampLow] = stamp | 0;
    words[place + stampHigh] = Math.floor(stamp / 2 ** 32);
  }

  #isOf(place: number, digest: Int32Array): boolean {
    for (let at = 0; at < 4; at++) if (this.#words[place + tag + at] !== digest[at]) return false;
    return true;
  }

  #setOf(place: number): number {
    return Math.floor((place - this.#places) / (ways * placeWords));
  }

  /** @returns false if somebody has it for far too long: stopped in the middle, or dead */
  #lock(set: number, most = pauses): boolean {
    const words = this.#words;
    const at = this.#locks + set;
    const own = this.#stripeIndex + 1 || -1;
    for (let turn = 0; turn < spins; turn++) if (Atomics.compareExchange(words, at, 0, own) === 0) return true;
    for (let turn = 0; turn < most; turn++) {
      Atomics.wait(words, at, Atomics.load(words, at) || -2, 1);
      if (Atomics.compareExchange(words, at, 0, own) === 0) return true;
    }
    return false;
  }

  #unlock(set: number): void {
    Atomics.store(this.#words, this.#locks + set, 0);
  }
}
