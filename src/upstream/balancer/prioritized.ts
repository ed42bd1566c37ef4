/**
 * What all algorithms have in common: who may be picked at all. Keeps one `GroupPicker` per priority group over the endpoints that are available
 * and have a weight, and makes them anew when the upstream's epoch has moved (an endpoint fell, rose, was drained or re-weighted), in any thread.
 * An exchange that has tried all primaries goes on to the backups, as in nginx.
 */
import type { Balancer, Candidate, GroupPicker, PickHint } from "./balancer.ts";

/** Where the balancers learn that availability or weights changed; `UpstreamState` is one. */
export interface EpochSource {
  readonly epoch: number;
}

/** A balancer from an algorithm. */
export class PrioritizedBalancer<C extends Candidate> implements Balancer<C> {
  readonly #candidates: readonly C[];
  readonly #epochs: EpochSource;
  readonly #createPicker: (members: readonly C[]) => GroupPicker<C>;
  #epoch: number;
  #groups: GroupPicker<C>[];

  constructor(candidates: readonly C[], epochs: EpochSource, createPicker: (members: readonly C[]) => GroupPicker<C>) {
    this.#candidates = candidates;
    this.#epochs = epochs;
    this.#createPicker = createPicker;
    this.#epoch = epochs.epoch;
    this.#groups = this.#formGroups();
  }

  pick(hint: PickHint<C>): C | null {
    // The epoch is read before the states that it stands for: a change in between is seen at the next pick.
    const epoch = this.#epochs.epoch;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#groups = this.#formGroups();
    }
    const groups = this.#groups;
    for (let index = 0; index < groups.length; index++) {
      const picked = groups[index]!.pick(hint);
      if (picked !== null) return picked;
    }
    return null;
  }

  #formGroups(): GroupPicker<C>[] {
    const membersByPriority = new Map<number, C[]>();
    for (const candidate of this.#candidates) {
      if (!candidate.isAvailable || candidate.weight <= 0) continue;
      const members = membersByPriority.get(candidate.priority);
      if (members === undefined) membersByPriority.set(candidate.priority, [candidate]);
      else members.push(candidate);
    }
    return [...membersByPriority].sort(([one], [other]) => one - other).map(([, members]) => this.#createPicker(members));
  }
}
