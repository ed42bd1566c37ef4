/** Random, by weight: needs no memory and no agreement between threads. */
import type { RandomSource } from "../../base/random.ts";
import type { Candidate, GroupPicker, PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

export class RandomPicker<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #choice: WeightedChoice<C>;

  constructor(members: readonly C[], random: RandomSource) {
    this.#members = members;
    this.#choice = new WeightedChoice(members, random);
  }

  pick(hint: PickHint<C>): C | null {
    const index = hint.tried.length === 0 ? this.#choice.draw() : this.#choice.drawOpen(hint, -1);
    return index === -1 ? null : this.#members[index]!;
  }
}
