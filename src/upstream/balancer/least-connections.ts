/**
 * Least connections, weighted: the fewest (in flight + 1) per weight, counted over all threads. The search starts one further each time, so
 * equals take turns.
 */
import type { Candidate, Group, GroupPicker, PickHint } from "./balancer.ts";
import { isOpenTo } from "./balancer.ts";

export class LeastConnections<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  #start = 0;

  constructor(group: Group<C>) {
    this.#members = group.members;
    this.#weights = group.weights;
  }

  pick(hint: PickHint<C>): C | null {
    const members = this.#members;
    const count = members.length;
    let best: C | null = null;
    let bestIndex = 0;
    let bestLoad = 0;
    let index = this.#start;
    for (let seen = 0; seen < count; seen++) {
      const member = members[index]!;
      if (isOpenTo(hint, member)) {
        const load = (member.inFlight + 1) / this.#weights[index]!;
        if (best === null || load < bestLoad) {
          best = member;
          bestIndex = index;
          bestLoad = load;
        }
      }
      if (++index === count) index = 0;
    }
    if (best !== null) this.#start = bestIndex + 1 === count ? 0 : bestIndex + 1;
    return best;
  }
}
