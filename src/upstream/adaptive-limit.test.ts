import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import type { Endpoint } from "./endpoint.ts";

const options = { minRequests: 4, maxRequests: 1_000, tolerancePercent: 25 };
const endpoint = null as unknown as Endpoint; // It is not looked at.

/**
 * An upstream that serves `width` requests at a time in `serviceMs` each, the others in a queue; asked by more clients
 * than it bears, as far as the limit allows.
 */
function simulate(
  limit: AdaptiveLimit,
  clock: ManualClock,
  { width, serviceMs, clients, seconds }: { width: number; serviceMs: number; clients: number; seconds: number },
): void {
  const until = clock.now() + seconds * 1_000;
  while (clock.now() < until) {
    let entered = 0;
    while (entered < clients && limit.hasRoom) {
      limit.enter();
      entered++;
    }
    const rounds = Math.ceil(entered / width);
    for (let round = 1; round <= rounds; round++) {
      clock.advance(serviceMs);
      for (let index = 0; index < Math.min(width, entered - (round - 1) * width); index++) {
        limit.leave();
        limit.onAttemptEnd(endpoint, "answered", 200, round * serviceMs);
      }
    }
  }
}

test("it grows while answers stay fast, up to what is asked for", () => {
  const clock = new ManualClock();
  const limit = new AdaptiveLimit(options, clock);
  assert.equal(limit.limit, 4);
  simulate(limit, clock, { width: 1_000, serviceMs: 10, clients: 200, seconds: 20 });
  assert.ok(limit.limit >= 200 && limit.limit < 500, `limit ${limit.limit}`);
});

test("it stays near what the upstream bears, however many ask", () => {
  const clock = new ManualClock();
  const limit = new AdaptiveLimit(options, clock);
  for (let minute = 0; minute < 5; minute++) {
    simulate(limit, clock, { width: 20, serviceMs: 10, clients: 5_000, seconds: 59.7 });
    assert.ok(limit.limit >= 10 && limit.limit <= 45, `limit ${limit.limit} in minute ${minute}`);
  }
});

test("it shrinks when the upstream gets slower, and recovers with it", () => {
  const clock = new ManualClock();
  const limit = new AdaptiveLimit(options, clock);
  simulate(limit, clock, { width: 100, serviceMs: 10, clients: 500, seconds: 20 });
  const before = limit.limit;
  assert.ok(before > 60, `limit ${before}`);
  simulate(limit, clock, { width: 10, serviceMs: 10, clients: 500, seconds: 20 });
  assert.ok(limit.limit < 30, `limit ${limit.limit}`);
  simulate(limit, clock, { width: 100, serviceMs: 10, clients: 500, seconds: 40 });
  assert.ok(limit.limit > 60, `limit ${limit.limit}`);
});

test("failures lower it, clients that leave do not", () => {
  const clock = new ManualClock();
  const limit = new AdaptiveLimit(options, clock);
  simulate(limit, clock, { width: 1_000, serviceMs: 10, clients: 200, seconds: 20 });
  const before = limit.limit;
  for (let index = 0; index < 50; index++) {
    clock.advance(100);
    limit.onAttemptEnd(endpoint, "cancelled", 0, -1);
  }
  assert.equal(limit.limit, before);
  for (let index = 0; index < 50; index++) {
    clock.advance(100);
    limit.onAttemptEnd(endpoint, "timeout", 0, -1);
  }
  assert.ok(limit.limit < before / 2, `limit ${limit.limit}`);
});
