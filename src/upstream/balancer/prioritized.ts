/**
 * What all algorithms have in common: which endpoints may be picked at all. Keeps one `GroupPicker` for each group that
 * `form-groups.ts` has formed. Makes them anew when the upstream's epoch has moved (an endpoint became unhealthy or
 * healthy, was drained or re-weighted, in any thread), and while endpoints start slowly. An exchange that has tried all
 * primaries goes on to the backups, as in nginx.
 */
import type { Clock } from "../../base/clock.ts";
import type { Balancer, Candidate, Group, GroupPicker, PickHint } from "./balancer.ts";
import { formGroups, type GroupPolicy } from "./form-groups.ts";

/** Tells balancers that availability or weights have changed; `UpstreamState` is one. */
export interface EpochSource {
  readonly epoch: number;
}

/** What groups are formed from. */
export interface GroupContext {
  readonly shared: EpochSource;
  readonly policy: GroupPolicy;
  /** On the scale that all threads share. */
  readonly clock: Clock;
}

/** Makes a balancer from an algorithm. */
export class PrioritizedBalancer<C extends Candidate> implements Balancer<C> {
  readonly #candidates: readonly C[];
  readonly #context: GroupContext;
  readonly #createPicker: (group: Group<C>) => GroupPicker<C>;
  #epoch: number;
  #groups: readonly Group<C>[] = [];
  #pickers: GroupPicker<C>[] = [];
  #changesAtMs = Infinity;

  constructor(candidates: readonly C[], context: GroupContext, createPicker: (group: Group<C>) => GroupPicker<C>) {
    this.#candidates = candidates;
    this.#context = context;
    this.#createPicker = createPicker;
    this.#epoch = context.shared.epoch;
    this.#form();
  }

  pick(hint: PickHint<C>): C | null {
    this.#follow();
    const pickers = this.#pickers;
    for (let index = 0; index < pickers.length; index++) {
      const picked = pickers[index]!.pick(hint);
      if (picked !== null) return picked;
    }
    return null;
  }

  hasOther(tried: readonly C[], last: C): boolean {
    this.#follow();
    for (const { members } of this.#groups)
      for (const member of members) if (member !== last && !tried.includes(member)) return true;
    return false;
  }

  /** Forms the groups anew if something has changed. */
  #follow(): void {
    // The epoch is read before the states: a change in between is seen at the next pick.
    const epoch = this.#context.shared.epoch;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#form();
    } else if (this.#changesAtMs !== Infinity && this.#context.clock.now() >= this.#changesAtMs) this.#form();
  }

  #form(): void {
    const { groups, changesAtMs } = formGroups(this.#candidates, this.#context.policy, this.#context.clock.now());
    this.#groups = groups;
    this.#pickers = groups.map(this.#createPicker);
    this.#changesAtMs = changesAtMs;
  }
}
