import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManualClock } from "../base/clock.ts";
import { ManualScheduler } from "../base/scheduler.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import type { AttemptOutcome } from "./attempt-observer.ts";
import { EjectionKeeper } from "./ejection-keeper.ts";
import { EjectionRecord } from "./ejection-record.ts";
import { EndpointFlag, EndpointState, Health } from "./endpoint-state.ts";
import { Endpoint } from "./endpoint.ts";
import { OutlierDetector } from "./outlier-detector.ts";
import type { OutlierOptions } from "./outlier-options.ts";
import { idleTransport, specAt } from "./testing/endpoints.ts";
import { UpstreamState } from "./upstream-state.ts";

const defaults: OutlierOptions = {
  consecutiveErrors: 5,
  statuses: [502, 503, 504],
  ejection: 10_000,
  maxEjection: 300_000,
  maxEjectedPercent: 50,
};

/** A pool of `count` endpoints as `threads` threads see it, and the keeper of the control thread. */
function open(count: number, { threads = 1, options = {} as Partial<OutlierOptions> } = {}) {
  const scheduler = new ManualScheduler();
  const memory = new SharedMemory();
  const upstream = UpstreamState.open(memory, "api");
  const ejected: string[] = [];
  const returned: string[] = [];
  const makeThread = (stripeIndex: number) => {
    const endpoints = Array.from({ length: count }, (_, index) => {
      const spec = specAt(index + 1);
      return new Endpoint(
        spec,
        EndpointState.open(memory, { upstreamName: "api", url: spec.url, stripeIndex, stripes: threads, upstream }),
        idleTransport(),
      );
    });
    const detector = new OutlierDetector({
      upstreamName: "api",
      options: { ...defaults, ...options },
      endpoints,
      memory,
      clock: scheduler.clock,
      onEject: (endpoint, durationMs) => void ejected.push(`${endpoint.spec.port} for ${durationMs}`),
      onReturn: (endpoint) => void returned.push(`${endpoint.spec.port} by failures`),
    });
    const attempt = (index: number, outcome: AttemptOutcome | number): void =>
      typeof outcome === "number"
        ? detector.onAttemptEnd(endpoints[index]!, "answered", outcome)
        : detector.onAttemptEnd(endpoints[index]!, outcome, 0);
    const fail = (index: number, times = 5): void => {
      for (let time = 0; time < times; time++) attempt(index, "connect");
    };
    return { endpoints, attempt, fail };
  };
  const all = Array.from({ length: threads }, (_, stripeIndex) => makeThread(stripeIndex));
  const keeper = new EjectionKeeper({
    scheduler,
    onReturn: ({ endpoint }, cause) => void returned.push(`${endpoint.at(-1)} by ${cause}`),
  });
  const targets = all[0]!.endpoints.map(({ name, state }) => ({
    upstream: "api",
    endpoint: name,
    state,
    record: EjectionRecord.open(memory, "api", name),
  }));
  keeper.update("api", targets);
  return { ...all[0]!, threads: all, scheduler, keeper, targets, ejected, returned };
}

const outcomes: readonly (readonly [outcome: AttemptOutcome | number, isFailure: boolean])[] = [
  ["connect", true],
  ["reset", true],
  ["timeout", true],
  ["malformed", true],
  [502, true],
  [503, true],
  [504, true],
  ["cancelled", false],
  [200, false],
  [404, false],
  [429, false],
  [499, false],
  [500, false],
  [501, false],
];
test("the statuses that count are the configured ones", () => {
  const { attempt, ejected } = open(3, { options: { statuses: [500] } });
  for (let time = 0; time < 9; time++) attempt(1, 503);
  assert.deepEqual(ejected, []);
  for (let time = 0; time < 5; time++) attempt(1, 500);
  assert.deepEqual(ejected, ["2 for 10000"]);
});

for (const [outcome, isFailure] of outcomes) {
  test(`five times ${outcome} ${isFailure ? "eject" : "do not eject"}`, () => {
    const { attempt, ejected, endpoints } = open(3);
    for (let time = 0; time < 4; time++) attempt(1, outcome);
    assert.deepEqual(ejected, []);
    attempt(1, outcome);
    assert.deepEqual(ejected, isFailure ? ["2 for 10000"] : []);
    assert.equal(endpoints[1]!.isAvailable, !isFailure);
  });
}

test("only failures in a row count: a success in between starts anew, a client that left does not", () => {
  const { attempt, fail, ejected } = open(3);
  fail(0, 4);
  attempt(0, 200);
  fail(0, 4);
  assert.deepEqual(ejected, []);
  attempt(0, "cancelled");
  fail(0, 1);
  assert.deepEqual(ejected, ["1 for 10000"]);
});

test("attempts at an endpoint that is gone say nothing about another at its address", () => {
  const { endpoints, fail, attempt, ejected, targets } = open(3);
  endpoints[0]!.isGone = true;
  fail(0, 9);
  assert.deepEqual([ejected, targets[0]!.record!.failures], [[], 0]);
  targets[0]!.record!.noteFailure();
  attempt(0, 200);
  assert.equal(targets[0]!.record!.failures, 1);
});

test("failures count over all threads, and all threads see the ejection", () => {
  const {
    threads: [one, other],
    ejected,
  } = open(3, { threads: 2 });
  one!.fail(0, 3);
  other!.fail(0, 2);
  assert.deepEqual(ejected, ["1 for 10000"]);
  assert.deepEqual([one!.endpoints[0]!.isAvailable, other!.endpoints[0]!.isAvailable], [false, false]);
  one!.fail(0, 20);
  assert.deepEqual(ejected, ["1 for 10000"], "attempts that were under way change nothing");
});

/**
 * Another thread comes in between: after the one that looks at the clock has found that it may eject, before it has.
 */
function atNextLook(clock: ManualClock, run: () => void): void {
  const now = clock.now.bind(clock);
  clock.now = () => {
    clock.now = now;
    run();
    return now();
  };
}

test("two threads that see the last failure at once eject once, for the time of one ejection", () => {
  const {
    threads: [one, other],
    scheduler,
    ejected,
  } = open(3, { threads: 2 });
  one!.fail(0, 4);
  atNextLook(scheduler.clock, () => other!.fail(0, 1));
  one!.fail(0, 1);
  assert.deepEqual(ejected, ["1 for 10000"]);
});

test("an ejection that comes to nothing, because another thread was faster, does not make the next one longer", () => {
  const {
    threads: [one, other],
    scheduler,
    ejected,
  } = open(3, { threads: 2 });
  one!.fail(0, 4);
  atNextLook(scheduler.clock, () => other!.fail(1, 5));
  one!.fail(0, 1);
  assert.deepEqual(
    [ejected, one!.endpoints.map((endpoint) => endpoint.isAvailable)],
    [["2 for 10000"], [true, false, true]],
  );
  scheduler.advance(10_000);
  one!.fail(0, 5);
  assert.deepEqual(ejected, ["2 for 10000", "1 for 10000"]);
});

test("no more than a share of the endpoints is ejected, and never the last that serves", () => {
  const four = open(4);
  for (const index of [0, 1, 2, 3]) four.fail(index, 20);
  assert.deepEqual(
    four.ejected.map((text) => text[0]),
    ["1", "2"],
  );
  const three = open(3);
  for (const index of [0, 1, 2]) three.fail(index, 20);
  assert.deepEqual(three.ejected.length, 1, "of three, half is one");
  const greedy = open(3, { options: { maxEjectedPercent: 100 } });
  for (const index of [0, 1, 2]) greedy.fail(index, 20);
  assert.deepEqual(
    greedy.ejected.map((text) => text[0]),
    ["1", "2"],
    "somebody has to serve",
  );
  const sick = open(2);
  sick.endpoints[1]!.state.health = Health.unhealthy;
  sick.fail(0, 20);
  assert.deepEqual(sick.ejected, [], "the other is unhealthy");
  sick.fail(1, 20);
  assert.deepEqual(sick.ejected, [], "what is out already need not be ejected");
});

test("it returns when its time is over; ejections grow up to a limit, and shrink again in calm times", () => {
  const { scheduler, fail, endpoints, ejected, returned } = open(3, { options: { maxEjection: 35_000 } });
  const failAndWait = (calmMs: number): void => {
    fail(0);
    const durationMs = Number(ejected.at(-1)!.split(" ").at(-1));
    scheduler.advance(durationMs - 1);
    assert.equal(endpoints[0]!.isAvailable, false);
    scheduler.advance(201);
    assert.equal(endpoints[0]!.isAvailable, true);
    scheduler.advance(calmMs);
  };
  for (const calmMs of [0, 0, 0, 25_000, 100_000, 0]) failAndWait(calmMs);
  assert.deepEqual(
    ejected.map((text) => Number(text.split(" ").at(-1))),
    [10_000, 20_000, 30_000, 35_000, 30_000, 10_000],
  );
  assert.deepEqual(returned, Array(6).fill("1 by time"));
});

test("if all that are left fail, an ejected endpoint is tried again after two seconds, and not ejected longer for it", () => {
  const { fail, attempt, endpoints, ejected, returned, scheduler } = open(3);
  for (const index of [0, 1, 2]) fail(index, 20);
  assert.deepEqual(ejected, ["1 for 10000"]);
  scheduler.advance(1_900);
  fail(1);
  assert.deepEqual(returned, [], "it has only just failed itself");
  scheduler.advance(100);
  attempt(2, 200);
  fail(1);
  assert.deepEqual(returned, [], "one of the others is well");
  fail(2, 5);
  assert.deepEqual(returned, ["1 by failures"]);
  // It fails, as ever: the outage goes on.
  fail(0, 5);
  assert.deepEqual([ejected, endpoints[0]!.isAvailable], [["1 for 10000", "1 for 10000"], false]);
  scheduler.advance(2_000);
  fail(1, 1);
  assert.deepEqual(returned, ["1 by failures", "1 by failures"]);
  // It is well now, and another is ejected in its place.
  attempt(0, 200);
  fail(1, 1);
  assert.deepEqual(
    [ejected.at(-1), endpoints.map((endpoint) => endpoint.isAvailable)],
    ["2 for 10000", [true, false, true]],
  );
});

test("a health check that passes brings it back at once", () => {
  const { fail, keeper, endpoints, returned, targets } = open(3);
  keeper.notePass("api", targets[0]!.endpoint, "pass");
  fail(0);
  keeper.notePass("other", targets[0]!.endpoint, "pass");
  keeper.notePass("api", targets[1]!.endpoint, "pass");
  assert.equal(endpoints[0]!.isAvailable, false);
  keeper.notePass("api", targets[0]!.endpoint, "pass");
  assert.equal(endpoints[0]!.isAvailable, true);
  assert.deepEqual(returned, ["1 by health check"]);
  fail(0, 4);
  assert.equal(endpoints[0]!.isAvailable, true, "failures are counted anew");
});

test("if checks pass and traffic fails again and again, time decides, unless a check had failed meanwhile", () => {
  const { fail, keeper, endpoints, targets, scheduler } = open(3);
  const { endpoint } = targets[0]!;
  fail(0);
  keeper.notePass("api", endpoint, "pass");
  fail(0);
  keeper.notePass("api", endpoint, "pass");
  assert.equal(endpoints[0]!.isAvailable, false, "the second time in a row");
  keeper.notePass("api", endpoint, "recovery");
  assert.equal(endpoints[0]!.isAvailable, true);
  scheduler.advance(60_000);
  fail(0);
  keeper.notePass("api", endpoint, "pass");
  assert.equal(endpoints[0]!.isAvailable, true, "after calm times it is a first again");
});

test("switching detection off brings everybody back, and a closed keeper has no timer", () => {
  const { fail, keeper, endpoints, targets, scheduler } = open(3);
  fail(0);
  keeper.update(
    "api",
    targets.map((target) => ({ ...target, record: null })),
  );
  assert.equal(endpoints[0]!.state.hasFlag(EndpointFlag.ejected), false);
  keeper.update("api", targets);
  keeper.close();
  assert.equal(scheduler.pendingCount, 0);
});
