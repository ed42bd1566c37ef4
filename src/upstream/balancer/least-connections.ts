/**
 * Least connections, weighted: the fewest (in flight + 1) per weight, counted over all threads; an idle endpoint comes
 * before any that is not (HAProxy's `leastconn`). Equals share by weight, smoothly (nginx's `least_conn`), so that
 * under a light load everybody gets a share and nobody stays cold.
 */
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";

export class LeastConnections<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  /** As of this pick; infinite for those that are not open. */
  readonly #loads: Float64Array;
  /** What equals have saved up towards their turn. */
  readonly #credits: Float64Array;

  constructor(group: Group<C>) {
    this.#members = group.members;
    this.#weights = group.weights;
    this.#loads = new Float64Array(group.members.length);
    this.#credits = new Float64Array(group.members.length);
  }

  pick(hint: PickHint<C>): C | null {
    const members = this.#members;
    const loads = this.#loads;
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < members.length; index++) {
      const member = members[index]!;
      const load = isOpenTo(hint, member) ? loadOf(member.inFlight, this.#weights[index]!) : Number.POSITIVE_INFINITY;
      loads[index] = load;
      if (load < least) least = load;
    }
    return least === Number.POSITIVE_INFINITY ? null : members[this.#takeTurn(least)]!;
  }

  /** One step of smooth weighted round-robin among those whose load is `least`. @returns whose turn it is */
  #takeTurn(least: number): number {
    const credits = this.#credits;
    let best = -1;
    let total = 0;
    for (let index = 0; index < credits.length; index++) {
      if (this.#loads[index] !== least) continue;
      const weight = this.#weights[index]!;
      credits[index]! += weight;
      total += weight;
      if (best === -1 || credits[index]! > credits[best]!) best = index;
    }
    credits[best]! -= total;
    return best;
  }
}

function loadOf(inFlight: number, weight: number): number {
  return inFlight === 0 ? 0 : (inFlight + 1) / weight;
}
