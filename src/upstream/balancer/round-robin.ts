/**
 * Smooth weighted round-robin, exact across threads: all walk one precomputed sequence with one shared cursor, so
 * requests that land on different threads still alternate. If the weights make the sequence too long (see
 * `smooth-sequence.ts`), every thread runs the algorithm on its own.
 */
import { type Candidate, type Group, type GroupPicker, isOpenTo, type PickHint } from "./balancer.ts";
import { smoothSequence } from "./smooth-sequence.ts";

/** The shared cursor; `UpstreamState` is one. */
export interface TurnSource {
  /** The next position: 0 to 2^32 - 1, then from 0 again. */
  takeTurn(): number;
}

/** @returns round-robin over `group`, in the order of its list. */
export function createRoundRobin<C extends Candidate>(group: Group<C>, turns: TurnSource): GroupPicker<C> {
  const sequence = smoothSequence(group.weights);
  return sequence === null ? new LocalRoundRobin(group) : new SharedRoundRobin(group.members, sequence, turns);
}

class SharedRoundRobin<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #sequence: Uint16Array;
  readonly #turns: TurnSource;
  #retryTurn = 0;

  constructor(members: readonly C[], sequence: Uint16Array, turns: TurnSource) {
    this.#members = members;
    this.#sequence = sequence;
    this.#turns = turns;
  }

  pick(hint: PickHint<C>): C | null {
    const sequence = this.#sequence;
    const length = sequence.length;
    if (length === 1) return isOpenTo(hint, this.#members[0]!) ? this.#members[0]! : null;
    // A retry takes no turn: else, with two endpoints, the failing one would be the first choice of every exchange.
    const start = (hint.tried.length === 0 ? this.#turns.takeTurn() : this.#retryTurn++) % length;
    // If the member was tried, the next in the sequence gets the turn. The sequence names every member, so one round is
    // enough.
    for (let index = start; index < length; index++) {
      const member = this.#members[sequence[index]!]!;
      if (isOpenTo(hint, member)) return member;
    }
    for (let index = 0; index < start; index++) {
      const member = this.#members[sequence[index]!]!;
      if (isOpenTo(hint, member)) return member;
    }
    return null;
  }
}

class LocalRoundRobin<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  readonly #credits: Float64Array;

  constructor({ members, weights }: Group<C>) {
    this.#members = members;
    this.#weights = weights;
    this.#credits = new Float64Array(members.length);
  }

  pick(hint: PickHint<C>): C | null {
    const members = this.#members;
    const credits = this.#credits;
    let best = -1;
    let total = 0;
    for (let index = 0; index < members.length; index++) {
      const member = members[index]!;
      if (!isOpenTo(hint, member)) continue;
      const weight = this.#weights[index]!;
      total += weight;
      credits[index]! += weight;
      if (best === -1 || credits[index]! > credits[best]!) best = index;
    }
    if (best === -1) return null;
    credits[best]! -= total;
    return members[best]!;
  }
}
