/**
 * The state of an upstream's breaker, which all threads share, in the region `breaker:<upstream>`.
 *
 * Layout (byte offsets):
 *   0   state (32-bit integer)
 *   4   attempts that ended since it is half-open (32-bit integer)
 *   8   how many of them failed (32-bit integer)
 *   16  since when it is closed, open, half-open: three 64-bit numbers on the shared clock, each written before the
 * state is
 */
import {
  numbersOf,
  type ReservedRegion,
  type SharedMemory,
  type SharedRegion,
  wordsOf,
} from "../base/shared-memory.ts";

/** The position of a breaker, in the electrical sense: `open` lets nothing pass. */
export const BreakerPosition = { closed: 0, open: 1, halfOpen: 2 } as const;
export type BreakerPosition = (typeof BreakerPosition)[keyof typeof BreakerPosition];

const regionBytes = 64;
const positionIndex = 0;
const probesIndex = 1;
const failedProbesIndex = 2;
const firstTimeIndex = 2;

const keyOf = (upstreamName: string): string => `breaker:${upstreamName}`;

/** A window on one breaker's state. */
export class BreakerState {
  readonly #words: Int32Array;
  readonly #times: Float64Array;

  constructor(region: SharedRegion) {
    this.#words = wordsOf(region);
    this.#times = numbersOf(region);
  }

  static open(memory: SharedMemory, upstreamName: string): BreakerState {
    return new BreakerState(memory.region(keyOf(upstreamName), regionBytes));
  }

  /** Makes the region, or finds it if it exists. */
  static reserve(memory: SharedMemory, upstreamName: string): ReservedRegion {
    memory.region(keyOf(upstreamName), regionBytes);
    return { key: keyOf(upstreamName), clearStripe: null };
  }

  get position(): BreakerPosition {
    return Atomics.load(this.#words, positionIndex) as BreakerPosition;
  }

  /** When it last came into `position`; 0 = never, or it has been there since the start. */
  sinceMs(position: BreakerPosition): number {
    return this.#times[firstTimeIndex + position]!;
  }

  /** Moves it to `position`. @returns whether this call did: of several threads that see the same, only one does */
  move(from: BreakerPosition, to: BreakerPosition, nowMs: number): boolean {
    if (this.position !== from) return false;
    this.#times[firstTimeIndex + to] = nowMs;
    if (to === BreakerPosition.halfOpen) {
      Atomics.store(this.#words, probesIndex, 0);
      Atomics.store(this.#words, failedProbesIndex, 0);
    }
    return Atomics.compareExchange(this.#words, positionIndex, from, to) === from;
  }

  /** Counts an attempt that ended while it was half-open. */
  noteProbe(hasFailed: boolean): void {
    Atomics.add(this.#words, probesIndex, 1);
    if (hasFailed) Atomics.add(this.#words, failedProbesIndex, 1);
  }

  get probes(): number {
    return Atomics.load(this.#words, probesIndex);
  }

  get failedProbes(): number {
    return Atomics.load(this.#words, failedProbesIndex);
  }
}
