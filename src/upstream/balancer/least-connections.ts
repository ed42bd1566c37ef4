/**
 * Least connections, weighted: the fewest (in flight + 1) per weight, counted over all threads; an idle endpoint comes
 * before any that is not (HAProxy's `leastconn`). Members with the same load take turns by weight, smoothly (nginx's
 * `least_conn`), so that under a light load every member gets a share and none stays cold.
 */
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";

/** Picks the member with the fewest requests in flight for its weight. */
export class LeastConnections<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  /** The loads at this pick; infinite for members that may not be picked. */
  readonly #loads: Float64Array;
  /** The credits of members towards their turn, for smooth weighted round-robin. */
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

  /**
   * Takes one step of smooth weighted round-robin among the members whose load is `least`. @returns the member whose
   * turn it is
   */
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
