/**
 * What all threads know of an endpoint's failures, in the region `outlier:<upstream>/<url>`.
 *
 * Layout (byte offsets):
 *   0   failures in a row (32-bit integer)
 *   4   ejections that count towards the length of the next (32-bit integer)
 *   8   when the last ejection ends or ended, on the shared clock (64-bit number)
 *   16  when it began, on the shared clock (64-bit number)
 * Both times are written before the endpoint's flag is set.
 */
import {
  numbersOf,
  type ReservedRegion,
  type SharedMemory,
  type SharedRegion,
  wordsOf,
} from "../base/shared-memory.ts";
import type { OutlierOptions } from "./outlier-options.ts";

const regionBytes = 64;
const failuresIndex = 0;
const ejectionsIndex = 1;
/** In words of 64 bits. */
const endsIndex = 1;
const beganIndex = 2;

const keyOf = (upstreamName: string, url: string): string => `outlier:${upstreamName}/${url}`;

/** A window on one endpoint's record. */
export class EjectionRecord {
  readonly #words: Int32Array;
  readonly #times: Float64Array;

  constructor(region: SharedRegion) {
    this.#words = wordsOf(region);
    this.#times = numbersOf(region);
  }

  static open(memory: SharedMemory, upstreamName: string, url: string): EjectionRecord {
    return new EjectionRecord(memory.region(keyOf(upstreamName, url), regionBytes));
  }

  /** Makes the region, or finds it if it exists. */
  static reserve(memory: SharedMemory, upstreamName: string, url: string): ReservedRegion {
    memory.region(keyOf(upstreamName, url), regionBytes);
    return { key: keyOf(upstreamName, url), clearStripe: null };
  }

  noteSuccess(): void {
    if (this.#words[failuresIndex] !== 0) Atomics.store(this.#words, failuresIndex, 0);
  }

  /** How many failures in a row there are, over all threads. */
  get failures(): number {
    return Atomics.load(this.#words, failuresIndex);
  }

  /** Counts a failure. @returns how many failures in a row there are now, over all threads */
  noteFailure(): number {
    return Atomics.add(this.#words, failuresIndex, 1) + 1;
  }

  /**
   * Sets the failures in a row back to 0 if there are at least `least`. @returns whether this call did: of several
   * threads, only one does
   */
  claim(least: number): boolean {
    return Atomics.exchange(this.#words, failuresIndex, 0) >= least;
  }

  /** Forgets earlier ejections: the next one is as short as the first. */
  get isFirst(): boolean {
    return Atomics.load(this.#words, ejectionsIndex) <= 1;
  }

  /** Forgets everything: the endpoint is another. */
  forget(): void {
    Atomics.store(this.#words, failuresIndex, 0);
    Atomics.store(this.#words, ejectionsIndex, 0);
    this.#times[endsIndex] = 0;
    this.#times[beganIndex] = 0;
  }

  /** When the ejection ends, on the shared clock. */
  get endsMs(): number {
    return this.#times[endsIndex]!;
  }

  /** When the ejection began, on the shared clock. */
  get beganMs(): number {
    return this.#times[beganIndex]!;
  }

  /**
   * Notes that an ejection begins. @returns how long it is: longer each time, and shorter again by one step for each
   * time of `ejection` without another
   */
  begin(nowMs: number, { ejection, maxEjection }: OutlierOptions): number {
    const calm = Math.floor(Math.max(0, nowMs - this.endsMs) / ejection);
    const count = Math.max(0, this.#words[ejectionsIndex]! - calm) + 1;
    const durationMs = Math.min(ejection * count, maxEjection);
    this.#words[ejectionsIndex] = Math.ceil(durationMs / ejection);
    this.#times[endsIndex] = nowMs + durationMs;
    this.#times[beganIndex] = nowMs;
    return durationMs;
  }

  /** Notes that the ejection is over, perhaps before its time. */
  end(nowMs: number): void {
    this.#times[endsIndex] = Math.min(this.endsMs, nowMs);
    Atomics.store(this.#words, failuresIndex, 0);
  }

  /** As `end`, but the ejection does not make the next one longer. */
  forgive(nowMs: number): void {
    this.#words[ejectionsIndex] = Math.max(0, this.#words[ejectionsIndex]! - 1);
    this.end(nowMs);
  }
}
