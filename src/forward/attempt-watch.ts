/**
 * Enters an attempt in what is counted and watched of its endpoint, and takes it out again: one call of each for every
 * attempt.
 */
import type { AttemptOutcome } from "../upstream/attempt-observer.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { UpstreamPolicies } from "../upstream/policies.ts";

/** Counts an attempt at `endpoint` that begins, and tells the policies of its upstream. */
export function beginAttempt(endpoint: Endpoint, { observers }: UpstreamPolicies): void {
  endpoint.state.enter();
  for (let index = 0; index < observers.length; index++) observers[index]!.onAttemptStart(endpoint);
}

/**
 * Takes an attempt out of the count, and tells the policies how it ended.
 * @param status the endpoint's, 0 if no head came; `firstByteMs` is negative then
 */
export function endAttempt(
  endpoint: Endpoint,
  { observers, saturation }: UpstreamPolicies,
  outcome: AttemptOutcome,
  status: number,
  firstByteMs: number,
): void {
  endpoint.state.leave();
  if (saturation !== null) saturation.leaveEndpoint(endpoint);
  for (let index = 0; index < observers.length; index++)
    observers[index]!.onAttemptEnd(endpoint, outcome, status, firstByteMs);
}
