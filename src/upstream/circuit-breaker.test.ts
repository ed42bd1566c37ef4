import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import type { BreakerOptions } from "./breaker-options.ts";
import { BreakerPosition } from "./breaker-state.ts";
import { CircuitBreaker, reserveBreaker } from "./circuit-breaker.ts";
import type { Endpoint } from "./endpoint.ts";

const defaults: BreakerOptions = {
  errorPercent: 50,
  minRequests: 20,
  window: 10_000,
  latency: 0,
  open: 10_000,
  ramp: 10_000,
};
const names = {
  [BreakerPosition.closed]: "closed",
  [BreakerPosition.open]: "open",
  [BreakerPosition.halfOpen]: "half-open",
};
const endpoint = null as unknown as Endpoint; // A breaker does not look at it.

function open({ threads = 1, options = {} as Partial<BreakerOptions> } = {}) {
  const clock = new ManualClock();
  const memory = new SharedMemory();
  const all = { ...defaults, ...options };
  reserveBreaker(memory, "api", all, threads);
  const moves: string[] = [];
  const breakers = Array.from(
    { length: threads },
    (_, stripeIndex) =>
      new CircuitBreaker({
        upstreamName: "api",
        options: all,
        memory,
        stripeIndex,
        stripes: threads,
        clock,
        random: seededRandom(7),
        onMove: (to) => void moves.push(names[to]),
      }),
  );
  const breaker = breakers[0]!;
  const answer = (count: number, status: number, firstByteMs = 1, which = breaker): void => {
    for (let index = 0; index < count; index++) which.onAttemptEnd(endpoint, "answered", status, firstByteMs);
  };
  /** How many of a thousand requests pass. */
  const passing = (which = breaker): number =>
    Array.from({ length: 1_000 }, () => which.admit()).filter(Boolean).length;
  return { clock, breakers, breaker, moves, answer, passing };
}

test("it opens when the share of errors is reached, and not before there are enough attempts", () => {
  const { breaker, answer, moves } = open();
  answer(19, 500);
  assert.equal(breaker.admit(), true);
  answer(1, 500);
  assert.deepEqual([breaker.admit(), breaker.isClosed, moves], [false, false, ["open"]]);
});

test("it stays closed below the share", () => {
  const { breaker, answer } = open();
  for (let round = 0; round < 100; round++) {
    answer(11, 200);
    answer(9, 503);
  }
  assert.equal(breaker.isClosed, true);
});

test("what counts as an error: failures and statuses from 500; what clients do does not", () => {
  const isOpenAfter = (act: (breaker: CircuitBreaker) => void): boolean => {
    const { breaker } = open();
    for (let time = 0; time < 30; time++) act(breaker);
    return !breaker.isClosed;
  };
  for (const outcome of ["connect", "reset", "timeout", "malformed"] as const)
    assert.equal(
      isOpenAfter((breaker) => breaker.onAttemptEnd(endpoint, outcome, 0, -1)),
      true,
      outcome,
    );
  assert.equal(
    isOpenAfter((breaker) => breaker.onAttemptEnd(endpoint, "cancelled", 0, -1)),
    false,
  );
  for (const [status, isError] of [
    [200, false],
    [404, false],
    [429, false],
    [499, false],
    [500, true],
    [503, true],
  ] as const) {
    assert.equal(
      isOpenAfter((breaker) => breaker.onAttemptEnd(endpoint, "answered", status, 1)),
      isError,
      String(status),
    );
  }
});

test("slow answers are errors if a latency is set", () => {
  const { breaker, answer } = open({ options: { latency: 100 } });
  answer(50, 200, 100);
  assert.equal(breaker.isClosed, true);
  answer(50, 200, 101);
  assert.equal(breaker.isClosed, false);
});

test("errors that are older than the window are forgotten", () => {
  const { clock, breaker, answer } = open();
  answer(19, 500);
  clock.advance(10_000);
  answer(19, 500);
  assert.equal(breaker.isClosed, true);
});

test("threads count together, and see the same position", () => {
  const {
    breakers: [one, other],
    answer,
    moves,
  } = open({ threads: 2 });
  answer(10, 500, 1, one);
  answer(10, 500, 1, other);
  assert.deepEqual([one!.admit(), other!.admit(), moves], [false, false, ["open"]]);
});

test("open, it says when to come back; then traffic returns along a ramp, and it closes", () => {
  const { clock, breaker, answer, passing, moves } = open();
  answer(20, 500);
  assert.deepEqual([passing(), breaker.retryAfterSeconds], [0, 10]);
  clock.advance(9_500);
  assert.deepEqual([passing(), breaker.retryAfterSeconds], [0, 1]);
  clock.advance(500);
  assert.equal(breaker.admit(), true, "the first is let through");
  assert.deepEqual([breaker.isClosed, breaker.retryAfterSeconds], [false, 1]);
  answer(10, 200);
  const shares = [0, 2_500, 2_500, 2_500].map((ms) => {
    clock.advance(ms);
    return passing() / 1_000;
  });
  for (const [index, share] of [0.1, 0.25, 0.5, 0.75].entries())
    assert.ok(Math.abs(shares[index]! - share) < 0.04, `${shares[index]} instead of ${share}`);
  clock.advance(2_500);
  assert.equal(passing(), 1_000);
  assert.deepEqual(moves, ["open", "half-open", "closed"]);
  answer(10, 500);
  assert.equal(breaker.isClosed, true, "what was before it closed no longer counts");
});

test("half-open, it opens again when the upstream still fails, and waits its time anew", () => {
  const { clock, breaker, answer, moves } = open();
  answer(20, 500);
  clock.advance(10_000);
  breaker.admit();
  answer(2, 500);
  assert.deepEqual(moves, ["open", "half-open"]);
  answer(1, 500);
  assert.deepEqual(moves, ["open", "half-open", "open"]);
  assert.deepEqual([breaker.admit(), breaker.retryAfterSeconds], [false, 10]);
});

test("without a ramp it closes with the first request that is let through after the next", () => {
  const { clock, breaker, answer, moves } = open({ options: { ramp: 0 } });
  answer(20, 500);
  clock.advance(10_000);
  assert.deepEqual([breaker.admit(), breaker.admit()], [true, true]);
  assert.deepEqual(moves, ["open", "half-open", "closed"]);
});
