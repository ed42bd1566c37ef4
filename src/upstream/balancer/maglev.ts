/**
 * Google's Maglev hashing (Eisenbud et al. 2016, section 3.4): every member fills the places of a table in an order of
 * its own, in turn, until the table is full; a key belongs to the member that has its place. One look-up a pick, shares
 * within 1 % and the same in all threads and instances; a member that comes or goes moves its own keys and a few per
 * cent of the others'.
 */
import { hash32 } from "../../base/hash.ts";
import type { RandomSource } from "../../base/random.ts";
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** Places in the table: a prime, much larger than any number of members; the paper's choice and Envoy's. */
const maglevSize = 65_537;

/** Picks the member that has the request's key, by a look-up in a table; without a key, one at random by weight. */
export class Maglev<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #table: Uint16Array;
  readonly #choice: WeightedChoice<C>;

  /** @param random serves the picks that have no key */
  constructor(group: Group<C>, random: RandomSource) {
    this.#members = group.members;
    this.#table = fillTable(group);
    this.#choice = new WeightedChoice(group, random);
  }

  pick(hint: PickHint<C>): C | null {
    const key = hint.key;
    if (key === null) return this.#choice.pick(hint);
    const table = this.#table;
    let at = hash32(key) % maglevSize;
    // If the member was tried, the owner of the next place gets the key; neighbours are as good as random.
    for (let seen = 0; seen < maglevSize; seen++) {
      const member = this.#members[table[at]!]!;
      if (isOpenTo(hint, member)) return member;
      if (++at === maglevSize) at = 0;
    }
    return null;
  }
}

const free = 65_535;

/**
 * By weight: in each round a member gathers its weight, and takes a place when it has gathered as much as the heaviest
 * member does in a round (as Envoy does).
 */
function fillTable<C extends Candidate>({ members, weights }: Group<C>): Uint16Array {
  const table = new Uint16Array(maglevSize).fill(free);
  const heaviest = Math.max(...weights);
  const order = [...members.keys()].sort((one, other) => (members[one]!.name < members[other]!.name ? -1 : 1));
  const places = Uint32Array.from(members, (member) => hash32(member.name, 1) % maglevSize);
  const skips = Uint32Array.from(members, (member) => (hash32(member.name, 2) % (maglevSize - 1)) + 1);
  const gathered = new Float64Array(members.length);
  for (let filled = 0; filled < maglevSize; ) {
    for (const index of order) {
      gathered[index]! += weights[index]!;
      if (gathered[index]! < heaviest) continue;
      gathered[index]! -= heaviest;
      let place = places[index]!;
      while (table[place] !== free) place = (place + skips[index]!) % maglevSize;
      table[place] = index;
      places[index] = (place + skips[index]!) % maglevSize;
      if (++filled === maglevSize) break;
    }
  }
  return table;
}
