/**
 * Drawing members by weight in constant time: the alias method (Walker 1977, Vose 1991). Each column holds one member
 * up to a threshold and another above it, so one random number chooses the column and the side.
 */
import type { RandomSource } from "../../base/random.ts";
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";

/**
 * How often another member is drawn before it is searched for slowly, which happens only if one member has most of the
 * weight.
 */
const maxDraws = 4;

/** Draws members by weight: the balancer `random`, and the random draws of other balancers. */
export class WeightedChoice<C extends Candidate> implements GroupPicker<C> {
  /** The indexes of the last two that were drawn, distinct; -1 = no member was left. */
  first = -1;
  second = -1;
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  readonly #random: RandomSource;
  /** Chance of a column's own member. */
  readonly #thresholds: Float64Array;
  readonly #aliases: Uint32Array;

  constructor({ members, weights }: Group<C>, random: RandomSource) {
    const count = members.length;
    this.#members = members;
    this.#weights = weights;
    this.#random = random;
    this.#thresholds = new Float64Array(count).fill(1);
    this.#aliases = new Uint32Array(count);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const shares = weights.map((weight) => (weight * count) / total);
    const poor: number[] = [];
    const rich: number[] = [];
    for (let index = 0; index < count; index++) (shares[index]! < 1 ? poor : rich).push(index);
    // Columns left over at the end are full, apart from rounding; they keep threshold 1.
    while (poor.length > 0 && rich.length > 0) {
      const low = poor.pop()!;
      const high = rich[rich.length - 1]!;
      this.#thresholds[low] = shares[low]!;
      this.#aliases[low] = high;
      shares[high]! -= 1 - shares[low]!;
      if (shares[high]! < 1) poor.push(rich.pop()!);
    }
  }

  /** Draws a member by weight. */
  pick(hint: PickHint<C>): C | null {
    const index = hint.tried.length === 0 ? this.#draw() : this.#drawOpen(hint, -1);
    return index === -1 ? null : this.#members[index]!;
  }

  /** Draws two members by weight, into `first` and `second`. */
  drawTwo(hint: PickHint<C>): void {
    const hasTried = hint.tried.length !== 0;
    this.first = hasTried ? this.#drawOpen(hint, -1) : this.#draw();
    if (this.first === -1 || this.#members.length === 1) this.second = -1;
    else this.second = hasTried ? this.#drawOpen(hint, this.first) : this.#drawOther(hint, this.first);
  }

  #draw(): number {
    const scaled = this.#random() * this.#members.length;
    const column = Math.floor(scaled);
    return scaled - column < this.#thresholds[column]! ? column : this.#aliases[column]!;
  }

  /** As `#draw`, but another member than the one at `first`. There must be one, and none may have been tried. */
  #drawOther(hint: PickHint<C>, first: number): number {
    for (let draws = 0; draws < maxDraws; draws++) {
      const second = this.#draw();
      if (second !== first) return second;
    }
    return this.#drawOpen(hint, first);
  }

  /**
   * As `#draw`, among the members that `hint` leaves open, without the one at `without` (-1 = none); returns -1 if
   * there is none. Takes time in proportion to their number.
   */
  #drawOpen(hint: PickHint<C>, without: number): number {
    const members = this.#members;
    let total = 0;
    for (let index = 0; index < members.length; index++)
      if (index !== without && isOpenTo(hint, members[index]!)) total += this.#weights[index]!;
    let left = this.#random() * total;
    let last = -1;
    for (let index = 0; index < members.length; index++) {
      if (index === without || !isOpenTo(hint, members[index]!)) continue;
      last = index;
      left -= this.#weights[index]!;
      if (left < 0) break;
    }
    return last;
  }
}
