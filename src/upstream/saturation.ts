/**
 * Bounds how many requests an upstream and each of its endpoints are given at a time, exactly and over all threads, and
 * queues those that are too many for now. An exchange holds a place at the upstream from its first attempt to its end,
 * and a second one for its hedge; an attempt holds a place at its endpoint.
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../base/clock.ts";
import type { Scheduler } from "../base/scheduler.ts";
import { SharedCount } from "../base/shared-count.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LimitsOptions } from "./limits-options.ts";
import { PendingQueue, type Waiter } from "./pending-queue.ts";

const totalKey = (upstreamName: string): string => `in-flight:${upstreamName}`;
const waitingKey = (upstreamName: string): string => `pending:${upstreamName}`;
const endpointKey = (upstreamName: string, url: string): string => `in-flight:${upstreamName}/${url}`;

/** Does `options` limit anything? */
export function hasLimits({ maxRequests, maxRequestsPerEndpoint, adaptive }: LimitsOptions): boolean {
  return maxRequests > 0 || maxRequestsPerEndpoint > 0 || adaptive !== null;
}

/** Makes the regions of an upstream's limits, or finds them if they exist. */
export function reserveSaturation(
  memory: SharedMemory,
  upstreamName: string,
  urls: readonly string[],
  stripes: number,
): ReservedRegion[] {
  return [totalKey(upstreamName), waitingKey(upstreamName), ...urls.map((url) => endpointKey(upstreamName, url))].map(
    (key) => {
      const region = memory.region(key, SharedCount.byteLength(stripes));
      return {
        key,
        clearStripe: (stripeIndex) => SharedCount.clearStripe(region, stripeIndex),
        isCounting: () => SharedCount.totalOf(region) > 0,
      };
    },
  );
}

/** The count of requests that wait for an upstream, for observers such as metrics. */
export function openWaitingCount(memory: SharedMemory, upstreamName: string, stripes: number): SharedCount {
  return new SharedCount(memory.region(waitingKey(upstreamName), SharedCount.byteLength(stripes)), -1);
}

/** What it is made from. */
export interface SaturationParts {
  readonly upstreamName: string;
  readonly options: LimitsOptions;
  readonly endpoints: readonly Endpoint[];
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly scheduler: Scheduler;
  /** For the adaptive limit. */
  readonly clock: Clock;
  /**
   * That of the runtime that is replaced, or null: what its adaptive limit has learnt is kept if the options are the
   * same.
   */
  readonly previous: Saturation | null;
  /** Told of the adaptive limit of this thread. */
  readonly onAdaptiveLimit?: (limit: number) => void;
}

/** Gives places at an upstream and its endpoints to the exchanges of one thread, and lets them wait for one. */
export class Saturation {
  /** One of the upstream's observers; null if it is not configured. */
  readonly adaptive: AdaptiveLimit | null;
  readonly #options: LimitsOptions;
  readonly #total: SharedCount;
  readonly #waiting: SharedCount;
  /** Also of endpoints that are gone from the list, as long as an exchange holds them: it has a place to leave. */
  readonly #byEndpoint = new WeakMap<Endpoint, SharedCount>();
  readonly #open: (key: string) => SharedCount;
  readonly #upstreamName: string;
  readonly #queue: PendingQueue;
  /** This thread's part of the places, when all threads want them. */
  readonly #share: number;
  #isAdmissionPlanned = false;

  constructor(parts: SaturationParts) {
    const { upstreamName, options, memory, stripeIndex, stripes } = parts;
    this.#open = (key) => new SharedCount(memory.region(key, SharedCount.byteLength(stripes)), stripeIndex);
    this.#upstreamName = upstreamName;
    this.#options = options;
    this.#total = this.#open(totalKey(upstreamName));
    this.#waiting = this.#open(waitingKey(upstreamName));
    this.add(parts.endpoints);
    this.#queue = new PendingQueue(parts.scheduler, options.pendingTimeout);
    this.#share = Math.ceil(options.maxRequests / stripes);
    const known = parts.previous?.adaptive ?? null;
    if (options.adaptive === null) this.adaptive = null;
    else
      this.adaptive =
        known !== null && isDeepStrictEqual(known.options, options.adaptive)
          ? known
          : new AdaptiveLimit(options.adaptive, parts.clock, parts.onAdaptiveLimit);
  }

  /** Counts at `endpoints`, too, from now on. */
  add(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints)
      if (!this.#byEndpoint.has(endpoint))
        this.#byEndpoint.set(endpoint, this.#open(endpointKey(this.#upstreamName, endpoint.name)));
  }

  /** Nobody waits, so a new exchange may try at once. */
  get isQueueEmpty(): boolean {
    return this.#queue.length === 0 && !this.#isYielding;
  }

  /** Takes a place at the upstream. @returns false if there is none; after true, call `leave` once */
  enter(): boolean {
    if (this.adaptive !== null && !this.adaptive.hasRoom) return false;
    if (!this.#total.enter(this.#options.maxRequests)) return false;
    this.adaptive?.enter();
    return true;
  }

  leave(): void {
    this.leaveUnused();
    this.#planAdmission();
  }

  /**
   * As `leave`, for a place that was taken in vain because no endpoint had room: there is no more room than before, so
   * no waiter is asked to try. If one were, this would go on for ever.
   */
  leaveUnused(): void {
    this.adaptive?.leave();
    this.#total.leave();
  }

  /** Takes a place at `endpoint`. @returns false if there is none; after true, call `leaveEndpoint` once */
  enterEndpoint(endpoint: Endpoint): boolean {
    const max = this.#options.maxRequestsPerEndpoint;
    return max === 0 || this.#byEndpoint.get(endpoint)!.enter(max);
  }

  leaveEndpoint(endpoint: Endpoint): void {
    if (this.#options.maxRequestsPerEndpoint === 0) return;
    this.#byEndpoint.get(endpoint)!.leave();
    this.#planAdmission();
  }

  /**
   * Takes a place at the upstream and at `endpoint`, unless somebody waits for one. @returns false if there is none;
   * after true, call `leave` and `leaveEndpoint` once each
   */
  enterAtOnce(endpoint: Endpoint): boolean {
    if (!this.isQueueEmpty || !this.enter()) return false;
    if (this.enterEndpoint(endpoint)) return true;
    this.leaveUnused();
    return false;
  }

  /**
   * Lets `waiter` wait. @returns false if too many wait already, over all threads; after true, call `stopWaiting` once,
   * whatever the outcome
   */
  wait(waiter: Waiter): boolean {
    const { maxPending } = this.#options;
    if (maxPending === 0 || !this.#waiting.enter(maxPending)) return false;
    this.#queue.add(waiter);
    return true;
  }

  stopWaiting(waiter: Waiter): void {
    this.#queue.remove(waiter);
    this.#waiting.leave();
  }

  /**
   * Other threads wait, and this thread has its part: it takes no more until their next look, when the first to come
   * gets the place.
   */
  get #isYielding(): boolean {
    return this.#share > 0 && this.#waiting.total > this.#waiting.own && this.#total.own >= this.#share;
  }

  /** Not within the call that gives a place back: the exchange that makes it has not ended yet. */
  #planAdmission(): void {
    if (this.#isAdmissionPlanned || this.#queue.length === 0 || this.#isYielding) return;
    this.#isAdmissionPlanned = true;
    queueMicrotask(() => {
      this.#isAdmissionPlanned = false;
      this.#queue.admit();
    });
  }
}
