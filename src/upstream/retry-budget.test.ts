import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { reserveRetryBudget, RetryBudget } from "./retry-budget.ts";

function open(percent: number, stripes = 1) {
  const clock = new ManualClock();
  const memory = new SharedMemory();
  const regions = reserveRetryBudget(memory, "api", stripes);
  const threads = Array.from(
    { length: stripes },
    (_, stripeIndex) => new RetryBudget({ upstreamName: "api", memory, stripeIndex, stripes, percent, clock }),
  );
  return { clock, regions, threads, budget: threads[0]! };
}

/** Are four at a time allowed, one after the other? */
const takeFour = (budget: RetryBudget): boolean[] => Array.from({ length: 4 }, () => budget.take("work") !== null);

/** How many retries in a row are allowed, each over before the next. */
function countRetries(budget: RetryBudget): number {
  let count = 0;
  while (budget.take("work") !== null) {
    budget.end();
    count++;
  }
  return count;
}

test("a share of the requests of the last ten seconds may be retried, all threads together", () => {
  const {
    clock,
    threads: [one, other],
  } = open(20, 2);
  for (let request = 0; request < 1_000; request++) (request % 2 === 0 ? one : other)!.noteRequest();
  assert.equal(countRetries(one!), 200);
  assert.equal(countRetries(other!), 0);
  clock.advance(5_000);
  for (let request = 0; request < 100; request++) one!.noteRequest();
  assert.equal(countRetries(one!), 20);
  clock.advance(5_000);
  assert.equal(
    countRetries(other!),
    10,
    "the first thousand requests and their retries have left the window; of the hundred the twenty are used, and the floor of thirty is not",
  );
});

test("without traffic to speak of, three at a time are allowed, thirty in ten seconds", () => {
  const { clock, budget } = open(20);
  budget.noteRequest();
  assert.deepEqual(takeFour(budget), [true, true, true, false]);
  budget.end();
  assert.ok(budget.take("work") !== null);
  budget.end();
  budget.end();
  budget.end();
  assert.equal(countRetries(budget), 26);
  clock.advance(10_000);
  assert.equal(countRetries(budget), 30);
});

test("after attempts that cost nothing, the few that are always allowed may come all at once", () => {
  const { budget } = open(20);
  let count = 0;
  while (budget.take("nothing") !== null) count++;
  assert.equal(count, 30);
});

test("what is given back can be taken again, by any thread", () => {
  const {
    clock,
    threads: [one, other],
  } = open(20, 2);
  for (let request = 0; request < 1_000; request++) one!.noteRequest();
  for (let retry = 0; retry < 500; retry++) {
    const takenMs = one!.take("nothing");
    assert.ok(takenMs !== null);
    one!.giveBack(takenMs);
    one!.end();
    clock.advance(1);
  }
  assert.equal(countRetries(other!), 200);
  clock.advance(10_000);
  assert.equal(countRetries(one!), 30);
});

test("what is given back late, because the answer took its time, makes the share no larger", () => {
  const { clock, budget } = open(20);
  const takenMs: number[] = [];
  for (let request = 0; request < 1_000; request++) {
    budget.noteRequest();
    if (request % 5 === 0) takenMs.push(budget.take("nothing")!);
  }
  clock.advance(6_000);
  for (const ms of takenMs) {
    budget.giveBack(ms);
    budget.end();
  }
  for (let request = 0; request < 1_000; request++) budget.noteRequest();
  clock.advance(4_000);
  assert.equal(countRetries(budget), 200, "of the thousand that came in the last ten seconds");
});

test("a thread that dies in the middle of a retry does not keep its place", () => {
  const { budget, regions } = open(20);
  assert.deepEqual(takeFour(budget), [true, true, true, false]);
  for (const { clearStripe } of regions) clearStripe?.(0);
  assert.ok(budget.take("work") !== null);
});
