/**
 * Consistent hashing on a ring (Karger et al. 1997, in the manner of ketama): every member has points on a circle of
 * 2^32, a key belongs to the first point at or after its own hash. When a member leaves, only its own keys move; a new
 * member takes keys from all others; all threads and instances agree. With bounded loads (Mirrokni, Thorup,
 * Zadimoghaddam 2016) a member that has `balanceFactor` percent of its fair share of the requests in flight is passed
 * over, so that a popular key spills to its next member instead of overrunning the first.
 */
import { hash32, mix32 } from "../../base/hash.ts";
import type { RandomSource } from "../../base/random.ts";
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** Points of a member for each unit of weight: shares within about 6 %. */
const pointsPerWeight = 256;
/**
 * The approximate limit for the points of all members together. The points of all members are halved to keep to it, so
 * that only a change that crosses the limit moves further keys. Sorting takes 3 ms.
 */
const maxPoints = 32_768;

/** What `RingHash` needs beside its group. */
export interface RingOptions {
  /** Percent of the fair share of requests in flight that a member may have, above 100; 0 = any number. */
  readonly balanceFactor: number;
  /**
   * The sum of the weights of all endpoints, available or not: it decides how many points a unit of weight has, so that
   * health does not change the points.
   */
  readonly totalWeight: number;
  /** Serves the picks that have no key. */
  readonly random: RandomSource;
}

/**
 * Picks the member at the first point of the ring at or after the hash of the request's key; without a key, one at
 * random by weight.
 */
export class RingHash<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  readonly #groupWeight: number;
  readonly #balanceFactor: number;
  readonly #choice: WeightedChoice<C>;
  /** The places of the points on the ring, ascending. */
  readonly #points: Uint32Array;
  /** The member that each point belongs to. */
  readonly #owners: Uint16Array;

  constructor(group: Group<C>, options: RingOptions) {
    this.#members = group.members;
    this.#weights = group.weights;
    this.#groupWeight = group.weights.reduce((sum, weight) => sum + weight, 0);
    this.#balanceFactor = options.balanceFactor / 100;
    this.#choice = new WeightedChoice(group, options.random);
    const ring = drawRing(group, options.totalWeight);
    this.#points = ring.points;
    this.#owners = ring.owners;
  }

  pick(hint: PickHint<C>): C | null {
    const key = hint.key;
    if (key === null) return this.#choice.pick(hint);
    const start = this.#successor(hash32(key));
    if (this.#balanceFactor === 0) return this.#walk(hint, start, Infinity);
    let inFlight = 1;
    for (let index = 0; index < this.#members.length; index++) inFlight += this.#members[index]!.inFlight;
    // All others are full only if the members with room were all tried: then the first in order is taken.
    return (
      this.#walk(hint, start, (this.#balanceFactor * inFlight) / this.#groupWeight) ?? this.#walk(hint, start, Infinity)
    );
  }

  /**
   * The first member at or after the point at `start` that may be picked and has fewer requests in flight than
   * `allowance` times its weight.
   */
  #walk(hint: PickHint<C>, start: number, allowance: number): C | null {
    const owners = this.#owners;
    let at = start;
    let last = -1;
    for (let seen = 0; seen < owners.length; seen++) {
      const owner = owners[at]!;
      if (++at === owners.length) at = 0;
      if (owner === last) continue;
      last = owner;
      const member = this.#members[owner]!;
      if (
        isOpenTo(hint, member) &&
        (allowance === Infinity || member.inFlight < Math.ceil(allowance * this.#weights[owner]!))
      )
        return member;
    }
    return null;
  }

  /** The index of the first point at or after `hash`. */
  #successor(hash: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (points[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }
}

/**
 * Makes the points of a group. They depend on names and weights alone; of two points at one place, the one with the
 * lesser name comes first.
 */
function drawRing<C extends Candidate>(
  { members, weights }: Group<C>,
  totalWeight: number,
): { points: Uint32Array; owners: Uint16Array } {
  let divisor = 1;
  while (totalWeight * pointsPerWeight > maxPoints * divisor) divisor *= 2;
  const ranked = [...members.keys()].sort((one, other) => (members[one]!.name < members[other]!.name ? -1 : 1));
  const places: number[] = [];
  ranked.forEach((index, rank) => {
    const seed = hash32(members[index]!.name);
    const count = Math.max(1, Math.floor((weights[index]! * pointsPerWeight) / divisor));
    for (let point = 0; point < count; point++) places.push(mix32(seed ^ mix32(point + 1)) * 65_536 + rank);
  });
  const sorted = Float64Array.from(places).sort();
  return {
    points: Uint32Array.from(sorted, (place) => Math.floor(place / 65_536)),
    owners: Uint16Array.from(sorted, (place) => ranked[place % 65_536]!),
  };
}
