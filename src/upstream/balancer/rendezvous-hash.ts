/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005): every
 * member gets a number from the key and its own name, and the member with the best number has the key. Needs no table;
 * all threads and all instances agree; when a member leaves, only its own keys move, spread over the others by weight,
 * and when it returns exactly those come back.
 */
import { hash32, mix32 } from "../../base/hash.ts";
import type { RandomSource } from "../../base/random.ts";
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** Picks the member that has the request's key; without a key, one at random by weight. */
export class RendezvousHash<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  readonly #seeds: Int32Array;
  readonly #hasEqualWeights: boolean;
  readonly #choice: WeightedChoice<C>;

  /** @param random serves the picks that have no key. */
  constructor(group: Group<C>, random: RandomSource) {
    const { members, weights } = group;
    this.#members = members;
    this.#weights = weights;
    this.#seeds = Int32Array.from(members, (member) => hash32(member.name));
    this.#hasEqualWeights = weights.every((weight) => weight === weights[0]);
    this.#choice = new WeightedChoice(group, random);
  }

  pick(hint: PickHint<C>): C | null {
    const key = hint.key;
    if (key === null) return this.#choice.pick(hint);
    const members = this.#members;
    const keyHash = hash32(key);
    let best: C | null = null;
    let bestScore = 0;
    for (let index = 0; index < members.length; index++) {
      const member = members[index]!;
      if (!isOpenTo(hint, member)) continue;
      const draw = mix32(keyHash ^ this.#seeds[index]!);
      // With equal weights, -weight / ln(u) has the same order as u, so no logarithm is needed.
      const score = this.#hasEqualWeights ? draw : -this.#weights[index]! / Math.log((draw + 0.5) / 4_294_967_296);
      if (best === null || score > bestScore) {
        best = member;
        bestScore = score;
      }
    }
    return best;
  }
}
