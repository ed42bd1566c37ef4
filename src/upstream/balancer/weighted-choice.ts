/**
 * Drawing members by weight in constant time: the alias method (Walker 1977, Vose 1991). Each column holds one member up to a threshold and
 * another above it, so one random number chooses the column and the side.
 */
import type { RandomSource } from "../../base/random.ts";
import type { Candidate, PickHint } from "./balancer.ts";
import { isOpenTo } from "./balancer.ts";

export class WeightedChoice<C extends Candidate> {
  readonly #members: readonly C[];
  readonly #random: RandomSource;
  /** Chance of a column's own member. */
  readonly #thresholds: Float64Array;
  readonly #aliases: Uint32Array;

  constructor(members: readonly C[], random: RandomSource) {
    const count = members.length;
    this.#members = members;
    this.#random = random;
    this.#thresholds = new Float64Array(count).fill(1);
    this.#aliases = new Uint32Array(count);
    const total = members.reduce((sum, member) => sum + member.weight, 0);
    const shares = members.map((member) => (member.weight * count) / total);
    const poor: number[] = [];
    const rich: number[] = [];
    for (let index = 0; index < count; index++) (shares[index]! < 1 ? poor : rich).push(index);
    // Columns left over at the end are full but for rounding; they keep threshold 1.
    while (poor.length > 0 && rich.length > 0) {
      const low = poor.pop()!;
      const high = rich[rich.length - 1]!;
      this.#thresholds[low] = shares[low]!;
      this.#aliases[low] = high;
      shares[high]! -= 1 - shares[low]!;
      if (shares[high]! < 1) poor.push(rich.pop()!);
    }
  }

  /** The index of a member, drawn by weight. */
  draw(): number {
    const scaled = this.#random() * this.#members.length;
    const column = Math.floor(scaled);
    return scaled - column < this.#thresholds[column]! ? column : this.#aliases[column]!;
  }

  /** As `draw`, among the members that `hint` leaves open other than the one at `without` (-1 = none); -1 where there is none. Takes time with their number. */
  drawOpen(hint: PickHint<C>, without: number): number {
    const members = this.#members;
    let total = 0;
    for (let index = 0; index < members.length; index++) if (index !== without && isOpenTo(hint, members[index]!)) total += members[index]!.weight;
    let left = this.#random() * total;
    let last = -1;
    for (let index = 0; index < members.length; index++) {
      if (index === without || !isOpenTo(hint, members[index]!)) continue;
      last = index;
      left -= members[index]!.weight;
      if (left < 0) break;
    }
    return last;
  }
}
