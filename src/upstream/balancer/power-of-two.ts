/**
 * The power of two choices (Mitzenmacher 1996): of two distinct members drawn at random, the one with less in flight
 * per weight. Nearly as even as least-connections at the price of two look-ups, and threads that see slightly old
 * counts do not herd onto one endpoint. Both are drawn by weight and the first wins a tie, so that idle endpoints are
 * used in proportion to their weights.
 */
import type { RandomSource } from "../../base/random.ts";
import type { Candidate, Group, GroupPicker, PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** Draws two members by weight and picks the one with fewer requests in flight for its weight. */
export class PowerOfTwo<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  readonly #choice: WeightedChoice<C>;

  constructor(group: Group<C>, random: RandomSource) {
    this.#members = group.members;
    this.#weights = group.weights;
    this.#choice = new WeightedChoice(group, random);
  }

  pick(hint: PickHint<C>): C | null {
    this.#choice.drawTwo(hint);
    const { first, second } = this.#choice;
    if (first === -1) return null;
    const one = this.#members[first]!;
    if (second === -1) return one;
    const other = this.#members[second]!;
    return other.inFlight * this.#weights[first]! < one.inFlight * this.#weights[second]! ? other : one;
  }
}
