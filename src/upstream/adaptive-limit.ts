/**
 * Finds out how many requests of one thread an upstream can take at a time. The upstream's own queue cannot be seen,
 * but it makes answers slower: the limit grows while answers are about as fast as they have ever been, and shrinks in
 * proportion as they get slower. After the gradient algorithms of Netflix's concurrency-limits (2018) and of Envoy.
 *
 * The best time has to be measured without a queue: every half minute the limit is halved for a moment, and what is
 * measured then is the new best.
 */
import type { Clock } from "../base/clock.ts";
import type { AttemptObserver, AttemptOutcome } from "./attempt-observer.ts";
import type { Endpoint } from "./endpoint.ts";
import type { AdaptiveOptions } from "./limits-options.ts";

/** Samples are averaged over at least this time … */
const windowMs = 100;
/** … and this many. */
const minSamples = 10;
const probeIntervalMs = 30_000;
/** How much one window may change the limit at most, and how much of the change is applied. */
const minGradient = 0.5;
const smoothing = 0.3;
/** A window with failures lowers the limit by a tenth. */
const failureGradient = 0.9;

/** One thread's limit of requests in flight at one upstream. */
export class AdaptiveLimit implements AttemptObserver {
  readonly options: AdaptiveOptions;
  readonly #clock: Clock;
  readonly #onChange: (limit: number) => void;
  #limit: number;
  #inFlight = 0;
  /** The most in flight in this window: a limit that is not reached does not grow. */
  #peak = 0;
  #bestMs = 0;
  #sumMs = 0;
  #samples = 0;
  #hasFailed = false;
  #windowEndsMs: number;
  #probeDueMs: number;
  #isProbing = false;

  constructor(options: AdaptiveOptions, clock: Clock, onChange: (limit: number) => void = () => {}) {
    this.options = options;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#limit = options.minRequests;
    const now = clock.now();
    this.#windowEndsMs = now + windowMs;
    this.#probeDueMs = now + probeIntervalMs;
    onChange(this.#limit);
  }

  /** How many requests may be in flight now. */
  get limit(): number {
    const limit = this.#isProbing ? this.#limit / 2 : this.#limit;
    return Math.max(this.options.minRequests, Math.floor(limit));
  }

  get hasRoom(): boolean {
    return this.#inFlight < this.limit;
  }

  enter(): void {
    this.#inFlight++;
    if (this.#inFlight > this.#peak) this.#peak = this.#inFlight;
  }

  leave(): void {
    this.#inFlight--;
  }

  onAttemptStart(): void {}

  onAttemptEnd(_endpoint: Endpoint, outcome: AttemptOutcome, _status: number, firstByteMs: number): void {
    if (outcome === "cancelled") return;
    if (outcome !== "answered") this.#hasFailed = true;
    else {
      this.#sumMs += firstByteMs;
      this.#samples++;
    }
    const now = this.#clock.now();
    if (now >= this.#windowEndsMs && (this.#hasFailed || this.#samples >= minSamples)) this.#conclude(now);
  }

  #conclude(now: number): void {
    // The clock may be coarser than an answer is fast: never divides by 0.
    const averageMs = this.#samples > 0 ? Math.max(this.#sumMs / this.#samples, 0.01) : 0;
    if (this.#isProbing) {
      if (averageMs > 0) this.#bestMs = averageMs;
      this.#isProbing = false;
      this.#probeDueMs = now + probeIntervalMs;
    } else {
      if (averageMs > 0 && (this.#bestMs === 0 || averageMs < this.#bestMs)) this.#bestMs = averageMs;
      this.#adjust(averageMs);
      this.#isProbing = now >= this.#probeDueMs;
    }
    this.#sumMs = 0;
    this.#samples = 0;
    this.#hasFailed = false;
    this.#peak = this.#inFlight;
    this.#windowEndsMs = now + windowMs;
    this.#onChange(this.limit);
  }

  #adjust(averageMs: number): void {
    const { minRequests, maxRequests, tolerancePercent } = this.options;
    let gradient =
      averageMs > 0 ? Math.max(minGradient, Math.min(1, (this.#bestMs * (1 + tolerancePercent / 100)) / averageMs)) : 1;
    if (this.#hasFailed) gradient = Math.min(gradient, failureGradient);
    // A little room to grow into; without it the limit could never rise.
    const headroom = gradient === 1 && this.#peak >= this.#limit / 2 ? Math.sqrt(this.#limit) : 0;
    const next = this.#limit * (1 - smoothing + smoothing * gradient) + smoothing * headroom;
    this.#limit = Math.min(maxRequests, Math.max(minRequests, next));
  }
}
