import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler, systemScheduler } from "./scheduler.ts";

test("calls come in order of time, at their time, also those that calls arrange", () => {
  const scheduler = new ManualScheduler();
  const start = scheduler.clock.now();
  const seen: [string, number][] = [];
  const note = (name: string): void => void seen.push([name, scheduler.clock.now() - start]);
  scheduler.after(30, () => note("late"));
  scheduler.after(10, () => {
    note("early");
    scheduler.after(5, () => note("nested"));
  });
  scheduler.advance(9);
  assert.deepEqual(seen, []);
  scheduler.advance(91);
  assert.deepEqual(seen, [
    ["early", 10],
    ["nested", 15],
    ["late", 30],
  ]);
  assert.equal(scheduler.clock.now() - start, 100);
  assert.equal(scheduler.pendingCount, 0);
});

test("a cancelled call never comes", () => {
  const scheduler = new ManualScheduler();
  const call = scheduler.after(10, () => assert.fail("called"));
  call.cancel();
  call.cancel();
  scheduler.advance(100);
  assert.equal(scheduler.pendingCount, 0);
});

test("the machine's timers call once, later, unless cancelled", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  systemScheduler.after(1, () => assert.fail("called")).cancel();
  let hasReturned = false;
  systemScheduler.after(0, () => resolve(hasReturned ? "later" : "within the call"));
  hasReturned = true;
  // Its timers do not keep the process alive; this one does.
  const keepAlive = setTimeout(() => resolve("never"), 10_000);
  assert.equal(await promise, "later");
  clearTimeout(keepAlive);
});
