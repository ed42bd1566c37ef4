/**
 * Decides which endpoints may be picked, and in which order: what all algorithms share, as one pure function.
 *
 * Priorities: primaries first, then backups; within a priority the endpoints of this instance's zone before the others,
 * as long as enough of them are available. Panic: if fewer endpoints than `panicThreshold` pass their checks, the
 * checks are more likely wrong than right, and the few that are left would be overrun; so every endpoint that still
 * answers anything is used. An endpoint that does not answer at all is left out: it could only fail. Pools of less than
 * four do not panic. Ejection: others are preferred; if there are none any more (failed, drained, without weight),
 * endpoints that are unavailable only because they are ejected are used: they may have recovered by now. Slow start: an
 * endpoint that came back has at first a tenth of its weight, then more in even steps until `slowStartMs` have passed
 * (HAProxy's `slowstart`, Envoy's floor).
 */
import type { Candidate, Group } from "./balancer.ts";

/** How groups are formed. */
export interface GroupPolicy {
  /** The zone that this instance runs in; null = zones do not matter. */
  readonly zone: string | null;
  /** The part of the zone's weight that must be available for requests to stay in it, 0 to 1. */
  readonly zoneThreshold: number;
  /** If a smaller part of the endpoints than this is available, their health is ignored; 0 to 1; 0 = never. */
  readonly panicThreshold: number;
  /** How long an endpoint takes to reach its full weight; 0 = it has it at once. */
  readonly slowStartMs: number;
}

/** Groups of the available endpoints, whatever their zone, with their full weights. */
export const plainPolicy: GroupPolicy = { zone: null, zoneThreshold: 0, panicThreshold: 0, slowStartMs: 0 };

/** What `formGroups` decided. */
export interface Formation<C extends Candidate> {
  /** The first group is used while it has an endpoint that may be picked. */
  readonly groups: readonly Group<C>[];
  /** Endpoints that failed their checks are among them. */
  readonly isPanicking: boolean;
  /** When the weights change next; infinite if they stay until the epoch moves. */
  readonly changesAtMs: number;
}

/**
 * Smaller pools never panic: if two of three fail their checks, that is no sign that the checks are wrong, and a single
 * endpoint must be able to refuse traffic.
 */
const leastPanicking = 4;

/** What panic looks at of a candidate. */
export type Standing = Pick<Candidate, "weight" | "priority" | "isAvailable" | "isWanted" | "isAnswering">;

/** Are endpoints used that failed their checks? */
export function isPanicking(candidates: readonly Standing[], threshold: number): boolean {
  return panickingPriority(candidates.filter(isInService), threshold) !== null;
}

function isInService(candidate: Standing): boolean {
  return candidate.isWanted && candidate.weight > 0;
}

/** The number of steps in which a weight rises, and the first step. */
const rampSteps = 20;
const firstStep = 2;

/** @param nowMs by the clock that threads share */
export function formGroups<C extends Candidate>(
  candidates: readonly C[],
  policy: GroupPolicy,
  nowMs: number,
): Formation<C> {
  const wanted = candidates.filter(isInService);
  const panicking = panickingPriority(wanted, policy.panicThreshold);
  const hasAvailable = wanted.some((candidate) => candidate.isAvailable);
  const groups: Group<C>[] = [];
  let changesAtMs = Infinity;
  for (const priority of prioritiesOf(wanted)) {
    const peers = wanted.filter((candidate) => candidate.priority === priority);
    const isPanicking = priority === panicking;
    const members = peers.filter(
      (candidate) =>
        candidate.isAvailable || (isPanicking && candidate.isAnswering) || (!hasAvailable && candidate.isOnlyEjected),
    );
    for (const part of isPanicking ? [members] : byZone(members, peers, policy)) {
      if (part.length === 0) continue;
      const ramp = rampWeights(part, policy.slowStartMs, nowMs);
      groups.push({ members: part, weights: ramp.weights });
      changesAtMs = Math.min(changesAtMs, ramp.changesAtMs);
    }
  }
  return { groups, isPanicking: panicking !== null, changesAtMs };
}

function prioritiesOf(candidates: readonly Candidate[]): number[] {
  return [...new Set(candidates.map((candidate) => candidate.priority))].sort((one, other) => one - other);
}

/**
 * The priority whose endpoints are used whatever their health: the one that would serve now, if too few are available
 * both of it and of all, and panic would add an endpoint. So failing primaries do not panic while their backups are
 * healthy.
 */
function panickingPriority(wanted: readonly Standing[], threshold: number): number | null {
  if (wanted.length < leastPanicking) return null;
  const available = wanted.filter((candidate) => candidate.isAvailable);
  if (available.length >= threshold * wanted.length) return null;
  const priority = Math.min(...(available.length > 0 ? available : wanted).map((candidate) => candidate.priority));
  const peers = wanted.filter((candidate) => candidate.priority === priority);
  if (peers.filter((candidate) => candidate.isAvailable).length >= threshold * peers.length) return null;
  return peers.some((candidate) => !candidate.isAvailable && candidate.isAnswering) ? priority : null;
}

/** `members` as one group, or as those of the zone and the others; `peers` are all of this priority. */
function byZone<C extends Candidate>(
  members: readonly C[],
  peers: readonly C[],
  { zone, zoneThreshold }: GroupPolicy,
): readonly (readonly C[])[] {
  if (zone === null) return [members];
  const isLocal = (candidate: C): boolean => candidate.zone === zone;
  const local = members.filter(isLocal);
  if (local.length === 0 || totalWeight(local) < zoneThreshold * totalWeight(peers.filter(isLocal))) return [members];
  return [local, members.filter((candidate) => !isLocal(candidate))];
}

function totalWeight(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, candidate) => sum + candidate.weight, 0);
}

/**
 * If all members are new (a single endpoint, or a pool after an outage), none starts slowly: no other could take the
 * load.
 */
function rampWeights(
  members: readonly Candidate[],
  slowStartMs: number,
  nowMs: number,
): { weights: readonly number[]; changesAtMs: number } {
  const isRamping = (member: Candidate): boolean => member.returnedMs > 0 && nowMs - member.returnedMs < slowStartMs;
  if (slowStartMs === 0 || !members.some(isRamping) || members.every(isRamping))
    return { weights: members.map((member) => member.weight), changesAtMs: nextEnd(members, slowStartMs, nowMs) };
  let changesAtMs = Infinity;
  const weights = members.map((member) => {
    if (!isRamping(member)) return member.weight * rampSteps;
    const stepMs = slowStartMs / rampSteps;
    const step = Math.max(firstStep, Math.floor(Math.max(0, nowMs - member.returnedMs) / stepMs));
    changesAtMs = Math.min(changesAtMs, member.returnedMs + (step + 1) * stepMs);
    return member.weight * step;
  });
  return { weights, changesAtMs };
}

/** When the slow start of the first member ends, if all members are new. */
function nextEnd(members: readonly Candidate[], slowStartMs: number, nowMs: number): number {
  const ends = members
    .map((member) => (member.returnedMs > 0 ? member.returnedMs + slowStartMs : 0))
    .filter((endMs) => endMs > nowMs);
  return ends.length === 0 ? Infinity : Math.min(...ends);
}
