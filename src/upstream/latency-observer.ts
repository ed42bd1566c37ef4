/**
 * Feeds the endpoints' latency averages. A failure never makes an endpoint look fast: an answer of status 500 or above
 * counts as at least the expected latency, and an attempt without an answer as twice that. So an endpoint that refuses
 * at once does not draw the traffic of those that work.
 */
import type { Clock } from "../base/clock.ts";
import { sharedClock } from "../base/shared-clock.ts";
import type { AttemptObserver, AttemptOutcome } from "./attempt-observer.ts";
import { unmeasuredLatencyMs } from "./balancer/peak-ewma.ts";
import type { Endpoint } from "./endpoint.ts";

/** Failures do not raise an average beyond this; from here it fades within two minutes. */
const maxPenaltyMs = 60_000;

/** Keeps the latency averages of the endpoints up to date with every attempt that ends. */
export class LatencyObserver implements AttemptObserver {
  readonly #clock: Clock;

  /** @param clock default: the one that threads share */
  constructor(clock: Clock = sharedClock) {
    this.#clock = clock;
  }

  onAttemptStart(): void {
    // The attempt counts as in flight; a balancer needs to know no more.
  }

  onAttemptEnd(endpoint: Endpoint, outcome: AttemptOutcome, status: number, firstByteMs: number): void {
    if (endpoint.isGone || (outcome === "cancelled" && firstByteMs < 0)) return;
    const latency = endpoint.state.latency;
    const nowMs = this.#clock.now();
    if (firstByteMs >= 0 && status < 500) latency.observe(firstByteMs, nowMs);
    else {
      const expectedMs = latency.at(nowMs) || unmeasuredLatencyMs;
      latency.observe(
        firstByteMs >= 0 ? Math.max(firstByteMs, expectedMs) : Math.min(2 * expectedMs, maxPenaltyMs),
        nowMs,
      );
    }
  }
}
