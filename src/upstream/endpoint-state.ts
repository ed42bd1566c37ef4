/**
 * What all threads share about one endpoint, in the region `endpoint:<upstream>/<url>`.
 *
 * Layout (byte offsets; integers of 32 bits):
 *   0    health: 0 unknown, 1 healthy, 2 unhealthy
 *   4    flags: 1 draining, 2 ejected, 4 disabled
 *   8    weight set at run time plus one; 0 = none, the configured weight holds
 *   12   1 = the last active check got no answer at all
 *   16   64-bit float: when it last came back (clock of the process), 0 = it has been there since the start
 *   24   reserved to the end of the line
 *   64   a line for the latency average; see `latency-average.ts`
 *   128  one line of 64 bytes per thread, so that no two threads write the same cache line:
 *          +0  requests in flight    the rest reserved
 *
 * A stripe has one writer, its thread, so counting needs no atomic operation; a sum over the stripes may be a few
 * requests old, which is all that a balancer needs. Health, flags and weight are written atomically, and every change
 * moves the upstream's epoch.
 */
import type { Clock } from "../base/clock.ts";
import { sharedClock } from "../base/shared-clock.ts";
import { numbersOf, type SharedMemory, type SharedRegion, wordsOf } from "../base/shared-memory.ts";
import { LatencyAverage } from "./latency-average.ts";
import type { UpstreamState } from "./upstream-state.ts";

/** What active checks know of an endpoint. Unknown (not checked, or not yet) admits traffic. */
export const Health = { unknown: 0, healthy: 1, unhealthy: 2 } as const;
export type Health = (typeof Health)[keyof typeof Health];

const healthNames = ["unknown", "healthy", "unhealthy"] as const;
/** The health of an endpoint, in words. */
export type HealthName = (typeof healthNames)[number];

/** Reasons, beside health, to send an endpoint nothing new. Bits. */
export const EndpointFlag = { draining: 1, ejected: 2, disabled: 4 } as const;
export type EndpointFlag = (typeof EndpointFlag)[keyof typeof EndpointFlag];

const healthIndex = 0;
const flagsIndex = 1;
const weightIndex = 2;
const silentIndex = 3;
/** In words of 64 bits. */
const returnedIndex = 2;
const lineBytes = 64;
const lineWords = lineBytes / 4;
/** Lines before the first thread's. */
const headLines = 2;
const stripeStart = (stripeIndex: number): number => (headLines + stripeIndex) * lineWords;

/** Which thread looks at the state, and which upstream a change concerns. */
export interface EndpointStateParts {
  /** Which stripe this thread counts in; -1 = an observer, whose `enter` and `leave` count nothing. */
  readonly stripeIndex: number;
  /** How many threads can count. */
  readonly stripes: number;
  /** Its epoch moves when this endpoint's availability changes. */
  readonly upstream: UpstreamState;
  /** Default: the one that all threads share. */
  readonly clock?: Clock;
}

/** A window on one endpoint's region. Any number of windows on one region agree. */
export class EndpointState {
  /** How long it takes to answer. */
  readonly latency: LatencyAverage;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #stripes: number;
  /** Where this thread's stripe starts, in words; negative for an observer: writes there go nowhere. */
  readonly #ownIndex: number;
  readonly #upstream: UpstreamState;
  readonly #clock: Clock;

  /** @param region `byteLength(parts.stripes)` bytes */
  constructor(region: SharedRegion, { stripeIndex, stripes, upstream, clock = sharedClock }: EndpointStateParts) {
    if (stripeIndex < -1 || stripeIndex >= stripes) throw new RangeError(`stripe ${stripeIndex} of ${stripes}`);
    this.#words = wordsOf(region);
    this.#times = numbersOf(region);
    this.latency = new LatencyAverage(new Float64Array(region.buffer, region.byteOffset + lineBytes, 2));
    this.#stripes = stripes;
    this.#ownIndex = stripeIndex === -1 ? -1 : stripeStart(stripeIndex);
    this.#upstream = upstream;
    this.#clock = clock;
  }

  static byteLength(stripes: number): number {
    return lineBytes * (headLines + stripes);
  }

  /** The key of the endpoint's region, by which it is forgotten. */
  static key(upstreamName: string, url: string): string {
    return `endpoint:${upstreamName}/${url}`;
  }

  /** The window on the endpoint `place.url` of an upstream in `memory`. */
  static open(
    memory: SharedMemory,
    place: EndpointStateParts & { readonly upstreamName: string; readonly url: string },
  ): EndpointState {
    return new EndpointState(
      memory.region(EndpointState.key(place.upstreamName, place.url), EndpointState.byteLength(place.stripes)),
      place,
    );
  }

  /** One more attempt is under way here. */
  enter(): void {
    this.#words[this.#ownIndex]! += 1;
  }

  /** An attempt ended: exactly one for each `enter`, on the same thread. */
  leave(): void {
    this.#words[this.#ownIndex]! -= 1;
  }

  /** Attempts under way in all threads. */
  get inFlight(): number {
    const words = this.#words;
    const end = words.length;
    let sum = 0;
    for (let index = headLines * lineWords; index < end; index += lineWords) sum += words[index]!;
    return sum;
  }

  /**
   * Takes the attempts of a thread that died out of the count. Call it when the thread has ended, before its successor
   * starts.
   */
  clearStripe(stripeIndex: number): void {
    if (stripeIndex < 0 || stripeIndex >= this.#stripes)
      throw new RangeError(`stripe ${stripeIndex} of ${this.#stripes}`);
    Atomics.store(this.#words, stripeStart(stripeIndex), 0);
  }

  /** Forgets everything except the attempts under way: the endpoint is added anew. */
  forget(): void {
    this.health = Health.unknown;
    this.isAnswering = true;
    for (const flag of Object.values(EndpointFlag)) this.clearFlag(flag);
    this.weightOverride = null;
    this.latency.forget();
  }

  /** Gives it nothing until a check has passed. */
  distrust(): void {
    this.health = Health.unhealthy;
    this.isAnswering = false;
  }

  get health(): Health {
    return Atomics.load(this.#words, healthIndex) as Health;
  }

  set health(health: Health) {
    const wasAdmitting = this.isAdmitting;
    if (Atomics.exchange(this.#words, healthIndex, health) !== health) this.#announce(wasAdmitting);
  }

  /**
   * The last active check got an answer, good or bad, or there was no check yet. An endpoint that is unhealthy but
   * answers may be used in a panic.
   */
  get isAnswering(): boolean {
    return Atomics.load(this.#words, silentIndex) === 0;
  }

  set isAnswering(isAnswering: boolean) {
    const stored = isAnswering ? 0 : 1;
    if (Atomics.exchange(this.#words, silentIndex, stored) !== stored) this.#upstream.bumpEpoch();
  }

  /**
   * When it last began to admit requests again, or was added to a running upstream, by the clock of the process; 0 = it
   * has been there since the start.
   */
  get returnedMs(): number {
    return this.#times[returnedIndex]!;
  }

  /** Notes that it was added to a running upstream: slow start begins. */
  markAdded(): void {
    this.#times[returnedIndex] = this.#clock.now();
    this.#upstream.bumpEpoch();
  }

  get healthName(): HealthName {
    return healthNames[this.health];
  }

  hasFlag(flag: EndpointFlag): boolean {
    return (Atomics.load(this.#words, flagsIndex) & flag) !== 0;
  }

  setFlag(flag: EndpointFlag): void {
    const wasAdmitting = this.isAdmitting;
    if ((Atomics.or(this.#words, flagsIndex, flag) & flag) === 0) this.#announce(wasAdmitting);
  }

  clearFlag(flag: EndpointFlag): void {
    const wasAdmitting = this.isAdmitting;
    if ((Atomics.and(this.#words, flagsIndex, ~flag) & flag) !== 0) this.#announce(wasAdmitting);
  }

  /** The weight set at run time, 0 to 65,535, or null if the configured one holds. */
  get weightOverride(): number | null {
    const stored = Atomics.load(this.#words, weightIndex);
    return stored === 0 ? null : stored - 1;
  }

  set weightOverride(weight: number | null) {
    const stored = weight === null ? 0 : weight + 1;
    if (Atomics.exchange(this.#words, weightIndex, stored) !== stored) this.#upstream.bumpEpoch();
  }

  /** New requests may go here: not unhealthy, and neither draining nor ejected nor disabled. */
  get isAdmitting(): boolean {
    return Atomics.load(this.#words, healthIndex) !== Health.unhealthy && Atomics.load(this.#words, flagsIndex) === 0;
  }

  /** Not taken out of service by its owner, whatever its health. */
  get isWanted(): boolean {
    return (Atomics.load(this.#words, flagsIndex) & (EndpointFlag.draining | EndpointFlag.disabled)) === 0;
  }

  /** It would admit new requests if it were not ejected. */
  get isOnlyEjected(): boolean {
    return (
      Atomics.load(this.#words, healthIndex) !== Health.unhealthy &&
      Atomics.load(this.#words, flagsIndex) === EndpointFlag.ejected
    );
  }

  /**
   * Requests of clients that belong here may still come: not unhealthy, and neither ejected nor disabled. It may be
   * draining.
   */
  get isKeepingClients(): boolean {
    return (
      Atomics.load(this.#words, healthIndex) !== Health.unhealthy &&
      (Atomics.load(this.#words, flagsIndex) & ~EndpointFlag.draining) === 0
    );
  }

  /** Tells all threads about a change. If the change brought the endpoint back, notes the time before. */
  #announce(wasAdmitting: boolean): void {
    if (!wasAdmitting && this.isAdmitting) this.#times[returnedIndex] = this.#clock.now();
    this.#upstream.bumpEpoch();
  }
}
