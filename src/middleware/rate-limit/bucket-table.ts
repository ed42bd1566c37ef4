/**
 * The buckets of a local limit, in memory that all threads share: a table of bounded size, in sets of eight places,
 * each a tag (the key's hash) and a theoretical arrival time. Every change is one compare-and-exchange, so that any
 * number of threads admit together exactly what one would, and a thread that dies leaves nothing behind.
 *
 * If a set is full, a new key takes a place whose bucket has run full again (nothing is lost), or else the least
 * busy one *with its count*: whoever floods the table with keys makes newcomers start with less, but never wins back
 * what a key has used up.
 */
import type { Clock } from "../../base/clock.ts";
import { KeyedHash } from "../../base/keyed-hash.ts";
import { sharedClock } from "../../base/shared-clock.ts";
import { type SharedMemory, type SharedRegion, wordsOf } from "../../base/shared-memory.ts";
import type { LimitDecision, LimitNumbers } from "../../store/limit-store.ts";

const ways = 8;
const headerBytes = 64;
const placeBytes = 16;
/** 64-bit cells of a set: a tag and a time for each place. */
const setCells = ways * 2;
/** How far the clocks of two threads may differ; see `sharedClock`. */
const clockSkewNs = 1e6;
/** As much as other instances have admitted beyond the burst before it was heard is waited for, up to a minute. */
const maxDebtNs = 60e9;

/** One thread's access to the table. */
export class BucketTable {
  readonly #words: Int32Array;
  readonly #cells: BigInt64Array;
  readonly #setMask: number;
  readonly #hash: KeyedHash;
  readonly #clock: Clock;
  /** How far a bucket may be behind its burst: nothing, if only this table counts in it. */
  readonly #debtNs: number;
  readonly #decision: LimitDecision = { isAdmitted: false, remaining: 0, waitMs: 0 };
  readonly #tagWords = new Int32Array(2);
  readonly #tagCell = new BigInt64Array(this.#tagWords.buffer);

  /** @param region made by `reserve`. @param counting `charged`: what others admit is counted, too, by `charge` */
  constructor(region: SharedRegion, clock: Clock = sharedClock, counting: "alone" | "charged" = "alone") {
    this.#words = wordsOf(region);
    this.#cells = new BigInt64Array(region.buffer, region.byteOffset, region.byteLength / 8);
    this.#setMask = (region.byteLength - headerBytes) / placeBytes / ways - 1;
    this.#hash = new KeyedHash(this.#words[1]!, this.#words[2]!);
    this.#clock = clock;
    this.#debtNs = counting === "alone" ? 0 : maxDebtNs;
  }

  /**
   * Makes the region `key` in `memory`, or finds it. Only one thread may do that. @param maxKeys rounded up to a power
   * of two
   */
  static reserve(memory: SharedMemory, key: string, maxKeys: number): SharedRegion {
    const region = memory.region(key, headerBytes + 2 ** Math.ceil(Math.log2(Math.max(ways, maxKeys))) * placeBytes);
    const header = new Uint32Array(region.buffer, region.byteOffset, 3);
    if (header[0] === 0) {
      crypto.getRandomValues(new Uint8Array(12)).forEach((byte, at) => {
        header[at % 3] = (header[at % 3]! << 8) | byte;
      });
      header[0] = 1;
    }
    return region;
  }

  /** Decides about one request of `key`, and counts it if it passes. The answer is good until the next call. */
  take(key: string, limit: LimitNumbers): LimitDecision {
    const { intervalNs, windowNs } = limit;
    const cells = this.#cells;
    const decision = this.#decision;
    const now = Math.floor(this.#clock.now() * 1e6);
    this.#hash.update(key);
    const low = this.#hash.low === 0 ? 1 : this.#hash.low;
    const high = this.#hash.high;
    for (;;) {
      const place = this.#find(low, high, now);
      const before = Atomics.load(cells, place + 1);
      const due = Number(before);
      const latest = now + windowNs + this.#debtNs;
      if (due > latest + clockSkewNs) {
        // The time was written under a slower limit of the same name: count it as at most one whole burst of this limit.
        Atomics.compareExchange(cells, place + 1, before, BigInt(latest));
        continue;
      }
      const next = Math.max(due, now) + intervalNs;
      const spareNs = windowNs - (next - now);
      if (spareNs < 0) {
        decision.isAdmitted = false;
        decision.remaining = 0;
        decision.waitMs = -spareNs / 1e6;
        return decision;
      }
      if (Atomics.compareExchange(cells, place + 1, before, BigInt(next)) !== before) continue;
      // Another key has taken the place meanwhile, or it no longer counts for this key: begin again at this key's own
      // place.
      if (this.#placeOf(low, high) !== place) continue;
      decision.isAdmitted = true;
      decision.remaining = Math.floor(spareNs / intervalNs);
      decision.waitMs = (intervalNs - (spareNs % intervalNs)) / 1e6;
      return decision;
    }
  }

  /** Counts `count` requests of `key` that another instance has admitted. */
  charge(key: string, count: number, { intervalNs, windowNs }: LimitNumbers): void {
    const cells = this.#cells;
    const now = Math.floor(this.#clock.now() * 1e6);
    this.#hash.update(key);
    const place = this.#find(this.#hash.low === 0 ? 1 : this.#hash.low, this.#hash.high, now);
    for (;;) {
      const before = Atomics.load(cells, place + 1);
      const next = Math.min(Math.max(Number(before), now) + count * intervalNs, now + windowNs + this.#debtNs);
      if (Atomics.compareExchange(cells, place + 1, before, BigInt(Math.floor(next))) === before) return;
    }
  }

  /**
   * The place of a key; its index in 64-bit cells, or -1. If threads have taken two for it at once, the first
   * counts.
   */
  #placeOf(low: number, high: number): number {
    const words = this.#words;
    const first = this.#firstPlace(high);
    for (let place = first; place < first + setCells; place += 2)
      if (words[place * 2] === low && words[place * 2 + 1] === high) return place;
    return -1;
  }

  /** The place of a key, taken for it if it has none. */
  #find(low: number, high: number, now: number): number {
    for (;;) {
      const known = this.#placeOf(low, high);
      if (known !== -1) return known;
      const first = this.#firstPlace(high);
      const place = this.#leastBusy(first, now);
      const tag = Atomics.load(this.#cells, place);
      this.#tagWords[0] = low;
      this.#tagWords[1] = high;
      const ours = this.#tagCell[0]!;
      // Another thread may have taken the place for the same key: look again.
      if (Atomics.compareExchange(this.#cells, place, tag, ours) === tag) return this.#settle(first, place, ours);
    }
  }

  /** Leaves one place to a key that two threads may have taken places for. */
  #settle(first: number, place: number, ours: bigint): number {
    const cells = this.#cells;
    for (let other = first; other < first + setCells; other += 2) {
      if (other === place || Atomics.load(cells, other) !== ours) continue;
      if (other < place) {
        Atomics.compareExchange(cells, place, ours, 0n);
        return other;
      }
      // Requests that were counted in the other place count here too.
      const counted = Atomics.load(cells, other + 1);
      for (let time = Atomics.load(cells, place + 1); time < counted; time = Atomics.load(cells, place + 1))
        Atomics.compareExchange(cells, place + 1, time, counted);
      Atomics.compareExchange(cells, other, ours, 0n);
    }
    return place;
  }

  #firstPlace(high: number): number {
    return headerBytes / 8 + (high & this.#setMask) * setCells;
  }

  /** The first place that is as good as empty, or the one with the earliest time. */
  #leastBusy(first: number, now: number): number {
    let best = first;
    let earliest = Number.POSITIVE_INFINITY;
    for (let place = first; place < first + setCells; place += 2) {
      const time = Number(Atomics.load(this.#cells, place + 1));
      if (time <= now) return place;
      if (time < earliest) {
        earliest = time;
        best = place;
      }
    }
    return best;
  }
}
