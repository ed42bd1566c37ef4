/**
 * Bounds how much of an upstream's traffic may be retries, so that a failing upstream is not buried under repetitions:
 * over the last ten seconds, at most a share of the requests, over all threads. If there is little traffic, a few at a
 * time are allowed in any case. If several threads decide in the same moment, each may exceed the budget by one.
 *
 * A retry is given back to the budget if it gets its answer after an attempt that reached no endpoint: together they
 * have reached an endpoint once, as any request does. So an endpoint that is away costs no budget while others answer;
 * in an outage nothing is given back. Behind such attempts, the retries that are always allowed are counted over the
 * window, not at a time: a burst of requests may meet an endpoint that has just gone.
 *
 * A window rather than Envoy's share of what is in flight: when one endpoint of three dies, a third of everything in
 * flight has to be retried at once, which ten good seconds pay for; in an outage that goes on, the share holds all the
 * same.
 */
import type { Clock } from "../base/clock.ts";
import { sharedClock } from "../base/shared-clock.ts";
import { SharedCount } from "../base/shared-count.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import { SlidingCounts } from "../base/sliding-counts.ts";

const shape = { slots: 10, slotMs: 1_000, counters: 2 } as const;
const requestCounter = 0;
const retryCounter = 1;
/** Always allowed: this many at a time, if an endpoint may have worked on the request … */
const freeAtATime = 3;
/** … and this many in the window. */
const freeInWindow = 30;

const windowKey = (upstreamName: string): string => `retry-window:${upstreamName}`;
const countKey = (upstreamName: string): string => `retries:${upstreamName}`;

/** Makes the regions of an upstream's budget, or finds them if they exist. */
export function reserveRetryBudget(memory: SharedMemory, upstreamName: string, stripes: number): ReservedRegion[] {
  memory.region(windowKey(upstreamName), SlidingCounts.byteLength(shape, stripes));
  const count = memory.region(countKey(upstreamName), SharedCount.byteLength(stripes));
  return [
    { key: windowKey(upstreamName), clearStripe: null },
    { key: countKey(upstreamName), clearStripe: (stripeIndex) => SharedCount.clearStripe(count, stripeIndex) },
  ];
}

/** What a budget is made from. */
export interface RetryBudgetParts {
  readonly upstreamName: string;
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  /** Retries per 100 requests; 0 = only the few that are always allowed. */
  readonly percent: number;
  /** On the scale of all threads; default: the machine's. */
  readonly clock?: Clock;
}

/** One thread's window on the budget of an upstream. */
export class RetryBudget {
  readonly #window: SlidingCounts;
  readonly #underWay: SharedCount;
  readonly #share: number;
  readonly #clock: Clock;

  constructor(parts: RetryBudgetParts) {
    const { upstreamName, memory, stripeIndex, stripes } = parts;
    this.#window = new SlidingCounts(
      memory.region(windowKey(upstreamName), SlidingCounts.byteLength(shape, stripes)),
      shape,
      stripeIndex,
      stripes,
    );
    this.#underWay = new SharedCount(
      memory.region(countKey(upstreamName), SharedCount.byteLength(stripes)),
      stripeIndex,
    );
    this.#share = parts.percent / 100;
    this.#clock = parts.clock ?? sharedClock;
  }

  /** A request has come, which may or may not be retried. */
  noteRequest(): void {
    this.#window.add(requestCounter, this.#clock.now());
  }

  /**
   * Takes one retry from the budget.
   * @param after what the attempt before has cost: `nothing` if it got no connection
   * @returns when it was taken, on the budget's clock, and `end` must follow when the attempt is over; null if the
   * budget is used up
   */
  take(after: "nothing" | "work"): number | null {
    const now = this.#clock.now();
    const retries = this.#window.sum(retryCounter, now);
    const isWithinShare = retries < this.#share * this.#window.sum(requestCounter, now);
    const isFree = !isWithinShare && retries < freeInWindow;
    if (!isWithinShare && !isFree) return null;
    if (!this.#underWay.enter(isFree && after === "work" ? freeAtATime : 0)) return null;
    this.#window.add(retryCounter, now);
    return now;
  }

  /** A retry that was allowed is over. */
  end(): void {
    this.#underWay.leave();
  }

  /** Gives back the retry that was taken at `takenMs` and is about to end: it has cost the upstream nothing. */
  giveBack(takenMs: number): void {
    this.#window.takeBack(retryCounter, takenMs);
  }
}
