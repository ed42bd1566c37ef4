import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { seededRandom } from "../../base/random.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { createContext, createExchange } from "../testing/context.ts";
import { LagSampler } from "./lag-sampler.ts";
import { createShed, shareToShed } from "./shed.ts";

const refuse = (exchange: Exchange, code: ReasonCode): void => exchange.fail(code);

test("the share grows with the load: early routes first, others later, some never", () => {
  const cases: readonly (readonly [load: number, early: number, normal: number])[] = [
    [0, 0, 0],
    [0.5, 0, 0],
    [0.75, 0.5, 0],
    [1, 1, 0],
    [1.5, 1, 0.5],
    [1.95, 1, 0.95],
    [10, 1, 0.95],
  ];
  for (const [load, early, normal] of cases) {
    assert.ok(Math.abs(shareToShed("early", load) - early) < 1e-9, `early at ${load}`);
    assert.ok(Math.abs(shareToShed("normal", load) - normal) < 1e-9, `normal at ${load}`);
    assert.equal(shareToShed("never", load), 0);
  }
});

test("so many are refused as the lag says, and told why", () => {
  const { context, countOf, lag } = createContext();
  let passed = 0;
  const answer = createShed({ routeName: "r", shedClass: "normal", maxLagMs: 100, refuse }, context, seededRandom(3))!(
    () => {
      passed++;
    },
  );
  lag.lagMs = 130;
  for (let count = 0; count < 10_000; count++) {
    const { exchange, client } = createExchange();
    answer(exchange);
    assert.ok(client.told.length === 0 || exchange.record.reason === "OVERLOADED");
  }
  assert.ok(Math.abs(passed - 7_000) < 150, `${passed} passed`);
  assert.equal(countOf("millrace_shed_total"), 10_000 - passed);
  lag.lagMs = 99;
  passed = 0;
  for (let count = 0; count < 100; count++) answer(createExchange().exchange);
  assert.equal(passed, 100);
});

test("if it is off, or never happens, nothing stands before the route", () => {
  const { context } = createContext();
  assert.equal(createShed({ routeName: "r", shedClass: "normal", maxLagMs: 0, refuse }, context), null);
  assert.equal(createShed({ routeName: "r", shedClass: "never", maxLagMs: 100, refuse }, context), null);
});

test("the sampler follows a loop that gets late and recovers", () => {
  const clock = new ManualClock();
  const sampler = new LagSampler(clock);
  sampler.start();
  const runs = (delayMs: number, count: number): void => {
    for (let run = 0; run < count; run++) {
      clock.advance(20 + delayMs);
      sampler.sample();
    }
  };
  runs(0, 10);
  assert.equal(sampler.lagMs, 0);
  runs(100, 1);
  assert.ok(sampler.lagMs < 50, "one late turn is no load");
  runs(100, 9);
  assert.ok(sampler.lagMs > 90 && sampler.lagMs <= 100);
  runs(0, 20);
  assert.ok(sampler.lagMs < 1);
  sampler.stop();
  assert.equal(sampler.lagMs, 0);
});
