/** Support for the balancers' tests: candidates without sockets. */
import type { Candidate, PickHint } from "../balancer.ts";

/** A candidate whose every property may be set. */
export class TestCandidate implements Candidate {
  readonly name: string;
  weight: number;
  priority: number;
  isAvailable = true;
  isWanted = true;
  isOnlyEjected = false;
  isAnswering = true;
  returnedMs = 0;
  zone: string | null = null;
  inFlight = 0;
  latencyMs = 0;

  constructor(name: string, weight = 1, priority = 0) {
    this.name = name;
    this.weight = weight;
    this.priority = priority;
  }

  expectedLatencyMs(): number {
    return this.latencyMs;
  }
}

/** The shared part of an upstream within one thread. */
export class TestShared {
  epoch = 0;
  #turn = 0;

  takeTurn(): number {
    const turn = this.#turn;
    this.#turn = (turn + 1) >>> 0;
    return turn;
  }
}

/** Candidates called a, b, c … with these weights. */
export function candidates(...weights: number[]): TestCandidate[] {
  return weights.map((weight, index) => new TestCandidate(String.fromCharCode(97 + index), weight));
}

/** A hint; by default for a first attempt without a key. */
export function hint(tried: readonly TestCandidate[] = [], key: string | null = null): PickHint<TestCandidate> {
  return { key, tried };
}
