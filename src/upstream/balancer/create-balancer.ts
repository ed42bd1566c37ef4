/** The table of algorithms by their name in the configuration (`balance`). */
import type { RandomSource } from "../../base/random.ts";
import type { BalanceName } from "../options.ts";
import type { Balancer, Candidate, GroupPicker } from "./balancer.ts";
import { RendezvousHash } from "./ip-hash.ts";
import { LeastConnections } from "./least-connections.ts";
import { PowerOfTwo } from "./power-of-two.ts";
import type { EpochSource } from "./prioritized.ts";
import { PrioritizedBalancer } from "./prioritized.ts";
import { RandomPicker } from "./random.ts";
import type { TurnSource } from "./round-robin.ts";
import { createRoundRobin } from "./round-robin.ts";

/** What a balancer needs beside its candidates; `shared` is the upstream's `UpstreamState`. `random` defaults to `Math.random`. */
export interface BalancerContext {
  readonly shared: EpochSource & TurnSource;
  readonly random?: RandomSource;
}

/** @returns the balancer called `name` over `candidates`, whose order is the order of turns. */
export function createBalancer<C extends Candidate>(name: BalanceName, candidates: readonly C[], context: BalancerContext): Balancer<C> {
  const random = context.random ?? Math.random;
  const createPicker = (members: readonly C[]): GroupPicker<C> => {
    switch (name) {
      case "round-robin":
        return createRoundRobin(members, context.shared);
      case "least-connections":
        return new LeastConnections(members);
      case "random":
        return new RandomPicker(members, random);
      case "power-of-two":
        return new PowerOfTwo(members, random);
      case "ip-hash":
        return new RendezvousHash(members, random);
    }
  };
  return new PrioritizedBalancer(candidates, context.shared, createPicker);
}
