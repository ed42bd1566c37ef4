import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LimitsOptions } from "./limits-options.ts";
import type { Waiter } from "./pending-queue.ts";
import { hasLimits, openWaitingCount, reserveSaturation, Saturation } from "./saturation.ts";

const defaults: LimitsOptions = {
  maxRequests: 0,
  maxRequestsPerEndpoint: 0,
  maxPending: 1_024,
  pendingTimeout: 5_000,
  adaptive: null,
};
const endpoints = ["http://a", "http://b"].map((name) => ({ name }) as Endpoint); // More of an endpoint is not looked at.

function open(options: Partial<LimitsOptions>, stripes = 1) {
  const scheduler = new ManualScheduler();
  const memory = new SharedMemory();
  const regions = reserveSaturation(
    memory,
    "api",
    endpoints.map(({ name }) => name),
    stripes,
  );
  const threads = Array.from(
    { length: stripes },
    (_, stripeIndex) =>
      new Saturation({
        upstreamName: "api",
        options: { ...defaults, ...options },
        endpoints,
        memory,
        stripeIndex,
        stripes,
        scheduler,
        clock: scheduler.clock,
        previous: null,
      }),
  );
  return { scheduler, memory, regions, threads, saturation: threads[0]! };
}

/** Somebody who takes a place as soon as there is one. */
function waiterOf(saturation: Saturation, admitted: string[], name: string): Waiter {
  const waiter: Waiter = {
    place: null,
    tryAdmission() {
      if (!saturation.enter()) return false;
      saturation.stopWaiting(waiter);
      admitted.push(name);
      return true;
    },
    onQueueTimeout: () => saturation.stopWaiting(waiter),
  };
  assert.equal(saturation.wait(waiter), true);
  return waiter;
}

const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("without any limit there is nothing to do", () => {
  assert.deepEqual(
    [
      hasLimits(defaults),
      hasLimits({ ...defaults, maxRequests: 1 }),
      hasLimits({ ...defaults, maxRequestsPerEndpoint: 1 }),
    ],
    [false, true, true],
  );
});

test("limits hold over all threads, of the upstream and of each endpoint; a dead thread's places are free again", () => {
  const {
    threads: [one, other],
    regions,
  } = open({ maxRequests: 3, maxRequestsPerEndpoint: 2 }, 2);
  const [a, b] = endpoints as [Endpoint, Endpoint];
  assert.deepEqual(
    [one!.enter(), other!.enter(), other!.enter(), one!.enter(), other!.enter()],
    [true, true, true, false, false],
  );
  assert.deepEqual(
    [one!.enterEndpoint(a), other!.enterEndpoint(a), other!.enterEndpoint(a), one!.enterEndpoint(b)],
    [true, true, false, true],
  );
  for (const { clearStripe } of regions) clearStripe?.(1);
  assert.deepEqual([one!.enter(), one!.enter(), one!.enter()], [true, true, false]);
  assert.deepEqual([one!.enterEndpoint(a), one!.enterEndpoint(a)], [true, false]);
});

test("whoever gives a place back lets the first of its queue in, after its own call has ended", async () => {
  const { saturation, memory } = open({ maxRequests: 1 });
  const admitted: string[] = [];
  saturation.enter();
  waiterOf(saturation, admitted, "first");
  waiterOf(saturation, admitted, "second");
  assert.deepEqual([saturation.isQueueEmpty, openWaitingCount(memory, "api", 1).total], [false, 2]);
  saturation.leave();
  assert.deepEqual(admitted, []);
  await microtasks();
  assert.deepEqual(admitted, ["first"]);
  saturation.leave();
  await microtasks();
  assert.deepEqual(
    [admitted, openWaitingCount(memory, "api", 1).total, saturation.isQueueEmpty],
    [["first", "second"], 0, true],
  );
});

test("a thread that has its part leaves the next place to another that waits", async () => {
  const {
    threads: [busy, other],
    scheduler,
  } = open({ maxRequests: 4 }, 2);
  const admitted: string[] = [];
  for (let count = 0; count < 4; count++) busy!.enter();
  for (const name of ["busy 1", "busy 2", "busy 3"]) waiterOf(busy!, admitted, name);
  for (const name of ["other 1", "other 2"]) waiterOf(other!, admitted, name);
  busy!.leave();
  await microtasks();
  assert.deepEqual([admitted, busy!.isQueueEmpty], [[], false], "three are left to it, two are its part");
  // Whoever looks first gets it: the busy thread may.
  scheduler.advance(5);
  assert.equal(admitted.length, 1);
  while (admitted.length < 3) {
    busy!.leave();
    await microtasks();
    scheduler.advance(5);
  }
  assert.ok(admitted.length >= 3);
});

test("too many do not wait, and a wait ends in time", () => {
  const { saturation, scheduler, memory } = open({ maxRequests: 1, maxPending: 1 });
  saturation.enter();
  const admitted: string[] = [];
  waiterOf(saturation, admitted, "one");
  assert.equal(saturation.wait({ place: null, tryAdmission: () => false, onQueueTimeout: () => {} }), false);
  scheduler.advance(5_010);
  assert.deepEqual(
    [saturation.isQueueEmpty, openWaitingCount(memory, "api", 1).total, scheduler.pendingCount],
    [true, 0, 0],
  );
});

test("a place that is taken in vain, because the endpoints are full, wakes nobody", async () => {
  const { saturation } = open({ maxRequests: 10, maxRequestsPerEndpoint: 1 });
  const endpoint = endpoints[0]!;
  saturation.enterEndpoint(endpoint);
  let tries = 0;
  const waiter: Waiter = {
    place: null,
    tryAdmission() {
      // The second time is one too many: it would never end.
      if (++tries > 2) return true;
      saturation.enter();
      if (saturation.enterEndpoint(endpoint)) return true;
      saturation.leaveUnused();
      return false;
    },
    onQueueTimeout: () => {},
  };
  saturation.wait(waiter);
  saturation.enter();
  saturation.leave();
  await microtasks();
  assert.equal(tries, 1);
  saturation.leaveEndpoint(endpoint);
  await microtasks();
  assert.equal(tries, 2);
});

test("as many wait as may, over all threads; whoever leaves the queue, or dies with its thread, makes room in it", () => {
  const {
    threads: [one, other],
    regions,
  } = open({ maxRequests: 1, maxPending: 2 }, 2);
  one!.enter();
  const waiter = (): Waiter => ({ place: null, tryAdmission: () => false, onQueueTimeout: () => {} });
  const first = waiter();
  assert.deepEqual(
    [one!.wait(first), other!.wait(waiter()), other!.wait(waiter()), one!.wait(waiter())],
    [true, true, false, false],
  );
  one!.stopWaiting(first);
  assert.deepEqual([one!.wait(waiter()), one!.wait(waiter())], [true, false]);
  for (const { clearStripe } of regions) clearStripe?.(1);
  assert.deepEqual([one!.wait(waiter()), one!.wait(waiter())], [true, false]);
});

test("nobody waits if nobody may", () => {
  const { saturation } = open({ maxRequests: 1, maxPending: 0 });
  assert.equal(saturation.wait({ place: null, tryAdmission: () => false, onQueueTimeout: () => {} }), false);
});

test("what the adaptive limit has learnt survives a reload, unless its options change", () => {
  const adaptive = { minRequests: 4, maxRequests: 100, tolerancePercent: 25 };
  const { saturation, memory, scheduler } = open({ adaptive });
  const next = (changed: Partial<typeof adaptive>): Saturation =>
    new Saturation({
      upstreamName: "api",
      options: { ...defaults, adaptive: { ...adaptive, ...changed } },
      endpoints,
      memory,
      stripeIndex: 0,
      stripes: 1,
      scheduler,
      clock: scheduler.clock,
      previous: saturation,
    });
  assert.equal(next({}).adaptive, saturation.adaptive);
  assert.notEqual(next({ maxRequests: 200 }).adaptive, saturation.adaptive);
});
