/**
 * The least expected wait (Finagle's and Linkerd's peak EWMA): of two members drawn at random, the one whose latency
 * average times its load promises the earlier answer. The average jumps up at once and comes down slowly, so an
 * endpoint that stalls gets no more requests after one or two. It fades while nothing is measured, so the endpoint is
 * tried again. An endpoint without a measurement is tried as soon as nothing is under way there. Both members are drawn
 * by weight, and load counts by weight, so that equal latencies share requests by weight.
 */
import type { Clock } from "../../base/clock.ts";
import type { RandomSource } from "../../base/random.ts";
import type { Candidate, Group, GroupPicker, PickHint } from "./balancer.ts";
import { WeightedChoice } from "./weighted-choice.ts";

/** The expected latency of an endpoint that has not answered yet; Envoy's default. */
export const unmeasuredLatencyMs = 10;

/** Draws two members by weight and picks the one whose answer is expected sooner. */
export class PeakEwma<C extends Candidate> implements GroupPicker<C> {
  readonly #members: readonly C[];
  readonly #weights: readonly number[];
  readonly #meanWeight: number;
  readonly #choice: WeightedChoice<C>;
  readonly #clock: Clock;

  /** @param clock on the scale that all threads share */
  constructor(group: Group<C>, random: RandomSource, clock: Clock) {
    this.#members = group.members;
    this.#weights = group.weights;
    this.#meanWeight = group.weights.reduce((sum, weight) => sum + weight, 0) / group.weights.length;
    this.#choice = new WeightedChoice(group, random);
    this.#clock = clock;
  }

  pick(hint: PickHint<C>): C | null {
    this.#choice.drawTwo(hint);
    const { first, second } = this.#choice;
    if (first === -1) return null;
    const one = this.#members[first]!;
    if (second === -1) return one;
    const nowMs = this.#clock.now();
    return this.#cost(second, nowMs) < this.#cost(first, nowMs) ? this.#members[second]! : one;
  }

  /** The expected wait, in milliseconds. */
  #cost(index: number, nowMs: number): number {
    const member = this.#members[index]!;
    const inFlight = member.inFlight;
    const latencyMs = member.expectedLatencyMs(nowMs);
    if (latencyMs === 0) return inFlight === 0 ? 0 : unmeasuredLatencyMs * (1 + inFlight);
    return latencyMs * (1 + (inFlight * this.#meanWeight) / this.#weights[index]!);
  }
}
