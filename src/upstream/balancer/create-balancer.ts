/** The table of algorithms by their name in the configuration (`balance`). */
import type { Clock } from "../../base/clock.ts";
import type { RandomSource } from "../../base/random.ts";
import { sharedClock } from "../../base/shared-clock.ts";
import type { BalanceOptions } from "../balance-options.ts";
import type { Balancer, Candidate, Group, GroupPicker } from "./balancer.ts";
import { type GroupPolicy, plainPolicy } from "./form-groups.ts";
import { RendezvousHash } from "./rendezvous-hash.ts";
import { LeastConnections } from "./least-connections.ts";
import { Maglev } from "./maglev.ts";
import { PeakEwma } from "./peak-ewma.ts";
import { PowerOfTwo } from "./power-of-two.ts";
import { type EpochSource, PrioritizedBalancer } from "./prioritized.ts";
import { RingHash } from "./ring-hash.ts";
import { createRoundRobin, type TurnSource } from "./round-robin.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** What a balancer needs beside its candidates; `shared` is the upstream's `UpstreamState`. */
export interface BalancerContext {
  readonly shared: EpochSource & TurnSource;
  /** Default: `plainPolicy`. */
  readonly policy?: GroupPolicy;
  /** Default: `Math.random`. */
  readonly random?: RandomSource;
  /** Default: the clock that all threads share. */
  readonly clock?: Clock;
}

/** @returns the balancer that `options` name, over `candidates`, whose order is the order of turns. */
export function createBalancer<C extends Candidate>(
  options: BalanceOptions,
  candidates: readonly C[],
  context: BalancerContext,
): Balancer<C> {
  const { shared, policy = plainPolicy, random = Math.random, clock = sharedClock } = context;
  const group = (createPicker: (group: Group<C>) => GroupPicker<C>): Balancer<C> =>
    new PrioritizedBalancer(candidates, { shared, policy, clock }, createPicker);
  // No slow start for hashing: it would move each key twice.
  const groupByHash = (createPicker: (group: Group<C>) => GroupPicker<C>): Balancer<C> =>
    new PrioritizedBalancer(candidates, { shared, policy: { ...policy, slowStartMs: 0 }, clock }, createPicker);
  switch (options) {
    case "round-robin":
      return group((members) => createRoundRobin(members, shared));
    case "least-connections":
      return group((members) => new LeastConnections(members));
    case "random":
      return group((members) => new WeightedChoice(members, random));
    case "power-of-two":
      return group((members) => new PowerOfTwo(members, random));
    case "peak-ewma":
      return group((members) => new PeakEwma(members, random, clock));
    case "ip-hash":
      return groupByHash((members) => new RendezvousHash(members, random));
  }
  if ("maglev" in options) return groupByHash((members) => new Maglev(members, random));
  const totalWeight = (): number => candidates.reduce((sum, candidate) => sum + candidate.weight, 0);
  return groupByHash(
    (members) =>
      new RingHash(members, { balanceFactor: options.ringHash.balanceFactor, totalWeight: totalWeight(), random }),
  );
}
