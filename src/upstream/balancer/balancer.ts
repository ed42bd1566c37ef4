/**
 * The contract of every balancing algorithm. A new one is a `GroupPicker` over a fixed list of members (see
 * `prioritized.ts`, which makes and remakes those lists) plus a line in `create-balancer.ts` and in the conformance
 * suite.
 */
import type { Endpoint } from "../endpoint.ts";

/** What balancing looks at of an endpoint. */
export interface Candidate {
  /** Identity within the upstream: what hashing hashes. */
  readonly name: string;
  /** Share of new traffic, a whole number; 0 = never picked. Changes only together with the upstream's epoch. */
  readonly weight: number;
  /** Smaller first: a group is used only when no smaller one has anybody left. */
  readonly priority: number;
  /** New requests may go here. Changes only together with the upstream's epoch. */
  readonly isAvailable: boolean;
  /**
   * It has not been taken out of service (drained, disabled), but may be unhealthy or ejected. Changes only together
   * with the upstream's epoch.
   */
  readonly isWanted: boolean;
  /** It is unavailable only because it is ejected. Changes only together with the upstream's epoch. */
  readonly isOnlyEjected: boolean;
  /**
   * The last check got an answer, good or bad, or there was no check yet. Changes only together with the upstream's
   * epoch.
   */
  readonly isAnswering: boolean;
  /** When it came back or was added, by the clock that threads share; 0 = it has been there since the start. */
  readonly returnedMs: number;
  /** Where it is, or null. */
  readonly zone: string | null;
  /** Attempts under way. Changes all the time. */
  readonly inFlight: number;
  /** How long it may take to answer, in milliseconds; 0 = nothing was measured yet. Changes all the time. */
  expectedLatencyMs(nowMs: number): number;
}

/** What a pick depends on. The caller keeps one such object and changes it between picks. */
export interface PickHint<C extends Candidate = Endpoint> {
  /** The key that hashing algorithms hash, such as the client's address; null = no key, any endpoint will do. */
  readonly key: string | null;
  /** Endpoints that were tried for this exchange; they are not picked again. Short. */
  readonly tried: readonly C[];
}

/** Chooses an endpoint for an attempt. Belongs to one thread; does not allocate. */
export interface Balancer<C extends Candidate = Endpoint> {
  /**
   * Returns an available endpoint of weight above 0 that was not tried yet, of the first priority group that has one;
   * null if there is none: no endpoint is available, or all available ones were tried.
   */
  pick(hint: PickHint<C>): C | null;
  /** Could another be picked for an exchange that has `tried` some and now failed at `last`? */
  hasOther(tried: readonly C[], last: C): boolean;
}

/** The endpoints among which an algorithm chooses, at least one. */
export interface Group<C extends Candidate> {
  readonly members: readonly C[];
  /** Their shares of new traffic, as whole numbers above 0: the weights, except while one of them starts slowly. */
  readonly weights: readonly number[];
}

/** The balancing algorithm itself, over one group. */
export interface GroupPicker<C extends Candidate> {
  /** Returns a member that was not tried, or null if all were. */
  pick(hint: PickHint<C>): C | null;
}

/**
 * May `candidate` be picked now? The one place for this decision: a gate that changes from pick to pick (such as a
 * capacity limit) belongs here.
 */
export function isOpenTo<C extends Candidate>(hint: PickHint<C>, candidate: C): boolean {
  const tried = hint.tried;
  for (let index = 0; index < tried.length; index++) if (tried[index] === candidate) return false;
  return true;
}
