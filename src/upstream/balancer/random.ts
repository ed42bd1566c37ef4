/** Random, by weight: needs no memory and no agreement between threads. */
import type { RandomSource } from "../../base/random.ts";
import type { Candidate, Group, GroupPicker, PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

export class RandomPicker<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #choice: WeightedChoice<C>;

  constructor(group: Group<C>, random: RandomSource) {
    this.#members = group.members;
    this.#choice = new WeightedChoice(group, random);
  }

  pick(hint: PickHint<C>): C | null {
    const index = hint.tried.length === 0 ? this.#choice.draw() : this.#choice.drawOpen(hint, -1);
    return index === -1 ? null : this.#members[index]!;
  }
}
