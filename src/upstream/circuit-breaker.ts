/**
 * The circuit breaker of an upstream: when too large a share of its attempts fails, requests are refused at once for a
 * while, so that the upstream can recover and clients do not wait for an answer that will not come. Then the breaker is
 * half-open: a growing share of the traffic tries the upstream again, and the breaker closes at the end of the ramp, or
 * opens again. All threads share position and counts, and look at them when something happens; no timer is needed.
 */
import type { Clock } from "../base/clock.ts";
import type { RandomSource } from "../base/random.ts";
import { sharedClock } from "../base/shared-clock.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import { SlidingCounts, type SlidingShape } from "../base/sliding-counts.ts";
import type { AttemptObserver, AttemptOutcome } from "./attempt-observer.ts";
import type { BreakerOptions } from "./breaker-options.ts";
import { BreakerPosition, BreakerState } from "./breaker-state.ts";
import type { Endpoint } from "./endpoint.ts";

const attemptCounter = 0;
const failureCounter = 1;
const slots = 10;
/** While half-open: the share of requests that pass at first … */
const firstShare = 0.1;
/** … and the number of attempts from which on their share of errors counts. */
const minProbes = 3;

const shapeOf = (options: BreakerOptions): SlidingShape => ({ slots, slotMs: options.window / slots, counters: 2 });
const windowKey = (upstreamName: string, { window }: BreakerOptions): string =>
  `breaker-window:${upstreamName}:${window}`;

/** Makes the regions of an upstream's breaker, or finds them if they exist. */
export function reserveBreaker(
  memory: SharedMemory,
  upstreamName: string,
  options: BreakerOptions,
  stripes: number,
): ReservedRegion[] {
  const key = windowKey(upstreamName, options);
  memory.region(key, SlidingCounts.byteLength(shapeOf(options), stripes));
  return [BreakerState.reserve(memory, upstreamName), { key, clearStripe: null }];
}

/** What a breaker is made from. */
export interface BreakerParts {
  readonly upstreamName: string;
  readonly options: BreakerOptions;
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  /** Called when this thread has moved it. */
  readonly onMove: (to: BreakerPosition) => void;
  /** The same scale in all threads; default: the machine's. */
  readonly clock?: Clock;
  readonly random?: RandomSource;
}

/** One thread's window on the breaker of an upstream. */
export class CircuitBreaker implements AttemptObserver {
  readonly #options: BreakerOptions;
  readonly #state: BreakerState;
  readonly #counts: SlidingCounts;
  readonly #onMove: BreakerParts["onMove"];
  readonly #clock: Clock;
  readonly #random: RandomSource;

  constructor(parts: BreakerParts) {
    const { upstreamName, options, memory, stripeIndex, stripes } = parts;
    const shape = shapeOf(options);
    this.#options = options;
    this.#state = BreakerState.open(memory, upstreamName);
    this.#counts = new SlidingCounts(
      memory.region(windowKey(upstreamName, options), SlidingCounts.byteLength(shape, stripes)),
      shape,
      stripeIndex,
      stripes,
    );
    this.#onMove = parts.onMove;
    this.#clock = parts.clock ?? sharedClock;
    this.#random = parts.random ?? Math.random;
  }

  get isClosed(): boolean {
    return this.#state.position === BreakerPosition.closed;
  }

  /** May a request pass? */
  admit(): boolean {
    const { position } = this.#state;
    return position === BreakerPosition.closed || this.#admitCarefully(position);
  }

  /** Whole seconds after which a refused request may try again. */
  get retryAfterSeconds(): number {
    if (this.#state.position !== BreakerPosition.open) return 1;
    return Math.max(
      1,
      Math.ceil((this.#state.sinceMs(BreakerPosition.open) + this.#options.open - this.#clock.now()) / 1000),
    );
  }

  onAttemptStart(): void {}

  onAttemptEnd(_endpoint: Endpoint, outcome: AttemptOutcome, status: number, firstByteMs: number): void {
    if (outcome === "cancelled") return;
    const { latency } = this.#options;
    const hasFailed = outcome !== "answered" || status >= 500 || (latency > 0 && firstByteMs > latency);
    const now = this.#clock.now();
    this.#counts.add(attemptCounter, now);
    if (this.#state.position === BreakerPosition.halfOpen) this.#state.noteProbe(hasFailed);
    if (!hasFailed) return;
    this.#counts.add(failureCounter, now);
    this.#judge(now);
  }

  #admitCarefully(position: BreakerPosition): boolean {
    const { open, ramp } = this.#options;
    const now = this.#clock.now();
    if (position === BreakerPosition.open) {
      if (now < this.#state.sinceMs(BreakerPosition.open) + open) return false;
      // The request that moves it is the first to try.
      return this.#move(BreakerPosition.open, BreakerPosition.halfOpen, now);
    }
    const elapsedMs = now - this.#state.sinceMs(BreakerPosition.halfOpen);
    if (elapsedMs >= ramp) {
      this.#move(BreakerPosition.halfOpen, BreakerPosition.closed, now);
      return true;
    }
    return this.#random() < Math.max(firstShare, elapsedMs / ramp);
  }

  #judge(now: number): void {
    const { position } = this.#state;
    if (position === BreakerPosition.closed) {
      const sinceMs = this.#state.sinceMs(BreakerPosition.closed);
      const attempts = this.#counts.sum(attemptCounter, now, sinceMs);
      if (
        attempts >= this.#options.minRequests &&
        this.#isTooMuch(this.#counts.sum(failureCounter, now, sinceMs), attempts)
      )
        this.#move(position, BreakerPosition.open, now);
    } else if (position === BreakerPosition.halfOpen) {
      const { probes } = this.#state;
      if (probes >= minProbes && this.#isTooMuch(this.#state.failedProbes, probes))
        this.#move(position, BreakerPosition.open, now);
    }
  }

  #isTooMuch(failures: number, attempts: number): boolean {
    return failures * 100 >= attempts * this.#options.errorPercent;
  }

  #move(from: BreakerPosition, to: BreakerPosition, now: number): boolean {
    const hasMoved = this.#state.move(from, to, now);
    if (hasMoved) this.#onMove(to);
    return hasMoved;
  }
}
