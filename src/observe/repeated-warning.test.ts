import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import type { Logger } from "./logger.ts";
import { logWarnings, RepeatedWarnings, type Warning } from "./repeated-warning.ts";

function setUp(options: { maxEntries?: number } = {}) {
  const lines: string[] = [];
  const scheduler = new ManualScheduler();
  const write =
    (level: string) =>
    (message: string, fields = {}): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const logger: Logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const warnings = new RepeatedWarnings({ onReport: logWarnings(logger), scheduler, ...options });
  return { lines, scheduler, warnings, take: () => lines.splice(0) };
}

const refused = (endpoint: string, reason = "ECONNREFUSED"): Warning => ({
  subject: endpoint,
  reason,
  message: "endpoint fails",
  fields: { endpoint, reason },
});

test("the first warning is written at once, the next after the interval with how many there were", () => {
  const { scheduler, warnings, take } = setUp();
  warnings.warn(refused("a"));
  assert.deepEqual(take(), ['warn endpoint fails {"endpoint":"a","reason":"ECONNREFUSED","count":1}']);
  for (let at = 0; at < 1_000; at++) warnings.warn(refused("a"));
  scheduler.advance(4_999);
  assert.deepEqual(take(), []);
  scheduler.advance(1);
  assert.deepEqual(take(), ['warn endpoint fails {"endpoint":"a","reason":"ECONNREFUSED","count":1000}']);
  scheduler.advance(60_000);
  assert.deepEqual(take(), []);
});

test("every subject and every reason has a line of its own", () => {
  const { warnings, take } = setUp();
  for (const warning of [refused("a"), refused("b"), refused("a", "ETIMEDOUT"), refused("a")]) warnings.warn(warning);
  assert.equal(take().length, 3);
});

test("that it works again is written once, after an interval without a failure", () => {
  const { scheduler, warnings, take } = setUp();
  warnings.recover("a", "endpoint answers again", { endpoint: "a" });
  scheduler.advance(10_000);
  assert.deepEqual(take(), []);
  warnings.warn(refused("a"));
  warnings.recover("a", "endpoint answers again", { endpoint: "a" });
  warnings.warn(refused("a"));
  warnings.recover("a", "endpoint answers again", { endpoint: "a" });
  take();
  scheduler.advance(5_000);
  assert.deepEqual(take(), ['warn endpoint fails {"endpoint":"a","reason":"ECONNREFUSED","count":1}']);
  scheduler.advance(5_000);
  assert.deepEqual(take(), ['info endpoint answers again {"endpoint":"a","failures":2}']);
  scheduler.advance(60_000);
  assert.deepEqual(take(), []);
  assert.equal(scheduler.pendingCount, 0, "no timer is left");
});

test("a failure after the success takes the good news back", () => {
  const { scheduler, warnings, take } = setUp();
  warnings.warn(refused("a"));
  warnings.recover("a", "endpoint answers again", {});
  warnings.warn(refused("a"));
  take();
  scheduler.advance(15_000);
  assert.deepEqual(take(), ['warn endpoint fails {"endpoint":"a","reason":"ECONNREFUSED","count":1}']);
});

test("what is kept is bounded: further ways of going wrong share one line", () => {
  const { scheduler, warnings, take } = setUp({ maxEntries: 3 });
  for (let at = 0; at < 100; at++) warnings.warn(refused(`e${at}`));
  assert.equal(take().length, 4);
  scheduler.advance(5_000);
  assert.deepEqual(take(), ['warn more goes wrong than is told one by one {"count":96}']);
});

test("what is quiet for long is forgotten, and no timer is left", () => {
  const { scheduler, warnings, take } = setUp();
  warnings.warn(refused("a"));
  take();
  scheduler.advance(3_600_000);
  assert.equal(scheduler.pendingCount, 0);
  warnings.warn(refused("a"));
  assert.equal(take().length, 1);
});

test("threads sum up before they report, and the control thread sums up the threads", () => {
  const { lines, scheduler, warnings } = setUp();
  const threads = [1, 2].map(
    () =>
      new RepeatedWarnings({
        onReport: (report) => warnings.take(structuredClone(report)),
        intervalMs: 1_000,
        scheduler,
      }),
  );
  for (let at = 0; at < 100; at++) for (const thread of threads) thread.warn(refused("a"));
  assert.equal(lines.length, 1);
  scheduler.advance(6_000);
  assert.deepEqual(
    lines.map((line) => Number(/"count":(\d+)/.exec(line)?.[1])),
    [1, 199],
  );
  for (const thread of threads) thread.recover("a", "endpoint answers again", {});
  scheduler.advance(12_000);
  assert.deepEqual(lines.slice(2), ['info endpoint answers again {"failures":200}']);
});

test("closing reports what is due", () => {
  const { scheduler, warnings, take } = setUp();
  warnings.warn(refused("a"));
  warnings.warn(refused("a"));
  warnings.close();
  assert.equal(take().length, 2);
  assert.equal(scheduler.pendingCount, 0);
});

test("what failed in one thread and works in another has its recovery, unless it fails on", () => {
  const { scheduler, warnings, take } = setUp();
  const inThread = new RepeatedWarnings({
    onReport: (report) => warnings.take(report),
    scheduler: new ManualScheduler(),
    isOneOfMany: true,
  });
  warnings.warn(refused("a"));
  assert.deepEqual(
    [...warnings.current()].map(({ subject }) => subject),
    ["a"],
  );
  inThread.recover("a", "endpoint answers again", {});
  warnings.warn(refused("a"));
  scheduler.advance(10_000);
  assert.deepEqual(take().length, 2, "no good news");
  inThread.recover("a", "endpoint answers again", {});
  scheduler.advance(5_000);
  assert.deepEqual(take(), ['info endpoint answers again {"failures":2}']);
  assert.deepEqual([...warnings.current()], []);
});
