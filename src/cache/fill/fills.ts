/**
 * Collapsing: of all who want what the cache does not have, in any thread, one fetches it, and the others wait for that.
 * This file is what one thread knows of it: whom it leads a fill for, and who of its own waits. What threads tell each
 * other is in `fill-table.ts`, and no body passes here: a leader publishes the id of its draft, which others read from
 * the store.
 *
 * Nobody waits in a queue for something that cannot be shared: an answer that is not storable lets all go at once, and
 * is remembered for a while (hit-for-miss). A leader that fails is followed by exactly one of those who wait. Everybody
 * waits for a limited time, and too many do not wait at all.
 */
import { sharedClock } from "../../base/shared-clock.ts";
import { type ReservedRegion, type SharedMemory, wordsOf } from "../../base/shared-memory.ts";
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import { Roster, type RosterMember } from "../../base/roster.ts";
import { Doorbells } from "./doorbells.ts";
import { createKeyDigest, type KeyDigest, seedWords } from "./fill-key.ts";
import { FillMarks } from "./fill-marks.ts";
import { FillTable } from "./fill-table.ts";
import type { FillListener, FillTicket, Lead, Shared } from "./fill-ticket.ts";
import { OriginPauses } from "./origin-pauses.ts";

/** In one thread, for one key. */
const maxWaitersPerKey = 4_096;
/** In one thread, over all keys. */
const maxWaiters = 16_384;
/** So many who wait are told in one turn of the event loop. */
const toldPerTurn = 64;

const regionKey = "fills";
const headerWords = 16;
/** In the header, behind the seeds. */
const finishedAt = 8;

const alone: FillTicket = { kind: "alone" };

/** What the fills of one thread are made of. */
export interface FillsParts {
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly wheel: TimerWheel;
  readonly doorbells: Doorbells;
  /** Takes what a listener throws. */
  readonly onInternalError: (error: unknown) => void;
  /** For tests: another digest of keys. */
  readonly digest?: KeyDigest;
}

/** A key's fill, as this thread sees it: it leads it, or some of its own wait for it. */
class LocalFill {
  readonly key: string;
  readonly place: number;
  readonly version: number;
  role: "leads" | "waits" | "over";
  /** Of a fill that this thread leads; null before it is published. */
  shared: Shared | null = null;
  readonly waiters = new Roster<Waiter>();

  constructor(key: string, { place, version }: FillTable, role: "leads" | "waits") {
    this.key = key;
    this.place = place;
    this.version = version;
    this.role = role;
  }
}

/** Who fetches what. One a thread. */
export class Fills {
  /** Which origins have failed lately, by key. */
  readonly pauses: OriginPauses;
  readonly #table: FillTable;
  readonly #words: Int32Array;
  readonly #marks: FillMarks;
  readonly #digest: KeyDigest;
  readonly #digested = new Int32Array(4);
  readonly #wheel: TimerWheel;
  readonly #onInternalError: (error: unknown) => void;
  readonly #local = new Map<string, LocalFill>();
  readonly #bell: { close(): void };
  /** What `FillTable.attention` was when this thread looked last. */
  #seen: number;
  #waiting = 0;
  /** Who is told in the next turn. */
  #told: (() => void)[] = [];
  #isTelling = false;

  constructor({ memory, stripeIndex, stripes, wheel, doorbells, onInternalError, digest }: FillsParts) {
    const words = wordsOf(memory.region(regionKey, byteLength(stripes)));
    const marksAt = headerWords;
    const pausesAt = marksAt + FillMarks.byteLength / 4;
    const tableAt = pausesAt + FillMarks.byteLength / 4;
    this.#words = words;
    this.#digest = digest ?? createKeyDigest(words.subarray(1, 1 + seedWords));
    this.#marks = new FillMarks(words.subarray(marksAt, pausesAt), sharedClock);
    this.pauses = new OriginPauses(new FillMarks(words.subarray(pausesAt, tableAt), sharedClock), this.#digest);
    this.#table = new FillTable(words.subarray(tableAt), { stripeIndex, stripes, doorbells });
    this.#wheel = wheel;
    this.#onInternalError = onInternalError;
    this.#seen = this.#table.attention;
    this.#bell = doorbells.listen(this.#look);
  }

  /** Makes the region, or finds it; `Doorbells.reserve` must be called, too. Only one thread may do that. */
  static reserve(memory: SharedMemory, stripes: number): ReservedRegion {
    const words = wordsOf(memory.region(regionKey, byteLength(stripes)));
    if (words[0] === 0) {
      const seeds = crypto.getRandomValues(new Int32Array(seedWords));
      words.set(seeds, 1);
      words[0] = 1;
    }
    const clearing = new SharedTableClearing(memory, stripes, words);
    return { key: regionKey, clearStripe: (stripeIndex) => clearing.clearStripe(stripeIndex) };
  }

  /**
   * Changes whenever a fill of any thread has ended well. Whoever leads a fill after a look-up that has found nothing, and
   * sees that it has changed since, looks again: what it wants may have come meanwhile.
   */
  get finishedCount(): number {
    return Atomics.load(this.#words, finishedAt);
  }

  /** How many fills this thread leads or waits for, and how many of its own wait. For leak checks. */
  get counts(): { readonly fills: number; readonly waiters: number } {
    return { fills: this.#local.size, waiters: this.#waiting };
  }

  /**
   * Enters the fill of `key`. @param limitMs so long does somebody wait at most; then `onAlone`
   *
   * @example
   * const ticket = fills.join(key, listener, 5_000);
   * if (ticket.kind === "lead") fetch(ticket.lead);
   */
  join(key: string, listener: FillListener, limitMs: number): FillTicket {
    const local = this.#local.get(key);
    if (local !== undefined) {
      if (local.shared !== null) return { kind: "shared", shared: local.shared };
      return this.#wait(local, listener, limitMs);
    }
    const table = this.#table;
    this.#digest.digest(key, this.#digested);
    if (this.#marks.has(this.#digested)) return alone;
    switch (table.enter(this.#digested)) {
      case "lead":
        return { kind: "lead", lead: this.#lead(this.#remember(key, "leads")) };
      case "wait":
        return this.#wait(this.#remember(key, "waits"), listener, limitMs);
      case "draft":
        return { kind: "shared", shared: sharedOf(table) };
      default:
        return alone;
    }
  }

  /** Something fetched for `key` could not be stored: until `forMs` have passed, nobody waits for that. */
  noteRefused(key: string, forMs: number): void {
    this.#digest.digest(key, this.#digested);
    this.#marks.set(this.#digested, forMs);
  }

  /** Could what was fetched for `key` not be stored lately? */
  isRefused(key: string): boolean {
    this.#digest.digest(key, this.#digested);
    return this.#marks.has(this.#digested);
  }

  /** What is fetched for `key` can be stored again. */
  noteStorable(key: string): void {
    this.#digest.digest(key, this.#digested);
    this.#marks.clear(this.#digested);
  }

  /** Lets all who wait go for themselves, and listens no more. */
  close(): void {
    this.#bell.close();
    for (const fill of this.#local.values()) {
      this.#tellAll(fill, (listener) => listener.onAlone());
    }
  }

  #remember(key: string, role: "leads" | "waits"): LocalFill {
    const fill = new LocalFill(key, this.#table, role);
    this.#local.set(key, fill);
    return fill;
  }

  /** Nobody of this thread waits any more for a fill that another one leads. */
  #forgetUnlessWanted(fill: LocalFill): void {
    if (fill.role !== "waits" || fill.waiters.size > 0) return;
    this.#end(fill);
    this.#table.leave(fill.place, fill.version);
  }

  /** Nobody can join it any more. */
  #end(fill: LocalFill): void {
    fill.role = "over";
    this.#local.delete(fill.key);
  }

  // Waiting.

  #wait(fill: LocalFill, listener: FillListener, limitMs: number): FillTicket {
    if (fill.waiters.size >= maxWaitersPerKey || this.#waiting >= maxWaiters) {
      this.#forgetUnlessWanted(fill);
      return alone;
    }
    const waiter = new Waiter(this.#onCancel, fill, listener, this.#onLate);
    fill.waiters.add(waiter);
    this.#waiting++;
    this.#wheel.arm(waiter.deadline, limitMs);
    return waiter;
  }

  /** It waits no more. */
  #remove(waiter: Waiter): void {
    const { fill } = waiter;
    if (!fill.waiters.remove(waiter)) return;
    this.#waiting--;
    this.#wheel.remove(waiter.deadline);
    this.#forgetUnlessWanted(fill);
  }

  readonly #onCancel = (waiter: Waiter): void => this.#remove(waiter);

  readonly #onLate = (waiter: Waiter): void => {
    this.#queue(waiter, () => waiter.listener.onAlone());
    this.#startTelling();
  };

  /** Something has happened in other threads. */
  readonly #look = (): void => {
    const seen = this.#table.attention;
    if (seen === this.#seen) return;
    this.#seen = seen;
    for (const fill of [...this.#local.values()])
      if (fill.role === "waits" && this.#table.hasChanged(fill.place, fill.version)) this.#settle(fill);
  };

  #settle(fill: LocalFill): void {
    const found = this.#table.look(fill.place, fill.version);
    if (found === "wait") return;
    if (found === "lead") {
      fill.role = "leads";
      this.#appoint(fill);
      return;
    }
    const shared = found === "draft" ? sharedOf(this.#table) : unknown;
    this.#end(fill);
    this.#tellAll(fill, found === "alone" ? (listener) => listener.onAlone() : (listener) => listener.onShared(shared));
  }

  /** Makes one of those who wait in this thread the leader. @returns false if nobody does */
  #appoint(fill: LocalFill): boolean {
    for (const waiter of fill.waiters.members) {
      const lead = this.#lead(fill);
      this.#queue(
        waiter,
        () => waiter.listener.onLead(lead),
        () => lead.fail(),
      );
      this.#startTelling();
      return true;
    }
    return false;
  }

  #tellAll(fill: LocalFill, call: (listener: FillListener) => void): void {
    for (const waiter of fill.waiters.members) this.#queue(waiter, () => call(waiter.listener));
    this.#startTelling();
  }

  /** Arranges the call of a listener. @param instead what is done if it cancels before that */
  #queue(waiter: Waiter, call: () => void, instead: () => void = () => {}): void {
    this.#remove(waiter);
    waiter.isTold = true;
    this.#told.push(() => {
      if (waiter.isCancelled) instead();
      else call();
    });
  }

  /** At once, but for those who are too many for one turn, or whose turn comes while others are told. */
  #startTelling(): void {
    if (this.#isTelling || this.#told.length === 0) return;
    this.#isTelling = true;
    this.#runTold();
  }

  readonly #runTold = (): void => {
    const now = this.#told.splice(0, toldPerTurn);
    for (const run of now) {
      try {
        run();
      } catch (error) {
        this.#onInternalError(error);
      }
    }
    if (this.#told.length > 0) setImmediate(this.#runTold);
    else this.#isTelling = false;
  };

  // Leading.

  #lead(fill: LocalFill): Lead {
    let isOver = false;
    const end = (run: () => void): void => {
      if (isOver) return;
      isOver = true;
      run();
    };
    return {
      publish: (shared) => {
        if (isOver || fill.shared !== null) return;
        fill.shared = shared;
        this.#table.publish(fill.place, fill.version, shared);
        this.#tellAll(fill, (listener) => listener.onShared(shared));
      },
      refuse: (rememberMs) =>
        end(() => {
          this.noteRefused(fill.key, rememberMs);
          this.#end(fill);
          this.#table.refuse(fill.place, fill.version);
          this.#tellAll(fill, (listener) => listener.onAlone());
        }),
      fail: () =>
        end(() => {
          fill.shared = null;
          if (this.#appoint(fill)) return;
          this.#end(fill);
          this.#table.fail(fill.place, fill.version);
        }),
      finish: (stamp) =>
        end(() => {
          this.noteStorable(fill.key);
          // Before the fill is over: who leads the next one sees it.
          Atomics.add(this.#words, finishedAt, 1);
          this.#end(fill);
          this.#table.finish(fill.place, fill.version, stamp);
          this.#tellAll(fill, (listener) => listener.onShared({ draftId: 0, stamp }));
        }),
    };
  }
}

/** A place was another's before this thread looked. */
const unknown: Shared = { draftId: 0, stamp: 0 };

const sharedOf = ({ draftId, stamp }: FillTable): Shared => ({ draftId, stamp });

/** Somebody of this thread who waits. */
class Waiter implements RosterMember {
  readonly kind = "wait";
  place = -1;
  isTold = false;
  isCancelled = false;
  readonly fill: LocalFill;
  readonly listener: FillListener;
  readonly deadline: Deadline;
  readonly #onCancel: (waiter: Waiter) => void;

  constructor(
    onCancel: (waiter: Waiter) => void,
    fill: LocalFill,
    listener: FillListener,
    onLate: (waiter: Waiter) => void,
  ) {
    this.#onCancel = onCancel;
    this.fill = fill;
    this.listener = listener;
    this.deadline = new Deadline(() => onLate(this));
  }

  cancel(): void {
    this.isCancelled = true;
    if (!this.isTold) this.#onCancel(this);
  }
}

/** Takes dead threads out, in the control thread. */
class SharedTableClearing {
  readonly #table: FillTable;

  constructor(memory: SharedMemory, stripes: number, words: Int32Array) {
    Doorbells.reserve(memory, stripes);
    const doorbells = Doorbells.open(memory, 0, stripes);
    const tableAt = headerWords + (FillMarks.byteLength / 4) * 2;
    this.#table = new FillTable(words.subarray(tableAt), { stripeIndex: -1, stripes, doorbells });
  }

  clearStripe(stripeIndex: number): void {
    this.#table.clearStripe(stripeIndex);
  }
}

function byteLength(stripes: number): number {
  return headerWords * 4 + FillMarks.byteLength * 2 + FillTable.byteLength(stripes);
}
