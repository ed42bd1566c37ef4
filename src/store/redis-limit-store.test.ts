import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import type { LimitDecision } from "./limit-store.ts";
import { limitScript, RedisLimitStore } from "./redis-limit-store.ts";

const limit = { intervalNs: 10e6, windowNs: 100e6 };

interface Question {
  readonly command: readonly string[];
  answer(reply: unknown): void;
  fail(error: Error): void;
}

/** A store whose server is the test, on manual time. */
function createStore() {
  const scheduler = new ManualScheduler();
  const questions: Question[] = [];
  const results: string[] = [];
  const outages: (string | null)[] = [];
  const store = new RedisLimitStore({
    sender: {
      send: (command) =>
        new Promise((resolve, reject) => {
          questions.push({ command, answer: resolve, fail: reject });
        }),
    },
    prefix: "test:",
    timeoutMs: 20,
    scheduler,
    onResult: (result) => results.push(result),
    onOutage: (cause) => outages.push(cause),
  });
  const decisions: (LimitDecision | null)[] = [];
  const take = (): void => store.take("a", limit, (decision) => decisions.push(decision));
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const wait = async (ms: number): Promise<void> => {
    scheduler.advance(ms);
    await settle();
  };
  return { scheduler, questions, results, outages, decisions, take, settle, wait, store };
}

test("an answer of the script becomes a decision", async () => {
  const { questions, decisions, take, settle, results } = createStore();
  take();
  assert.equal(questions[0]?.command[0], "EVALSHA");
  assert.deepEqual(questions[0]?.command.slice(2), ["1", "test:a", "10000", "100000"]);
  questions[0]?.answer([1, 35_000]);
  take();
  questions[1]?.answer([0, 7_000]);
  await settle();
  assert.deepEqual(decisions, [
    { isAdmitted: true, remaining: 3, waitMs: 5 },
    { isAdmitted: false, remaining: 0, waitMs: 7 },
  ]);
  assert.deepEqual(results, ["ok", "ok"]);
});

test("a server that has forgotten the script is given it", async () => {
  const { questions, decisions, take, settle } = createStore();
  take();
  questions[0]?.fail(new Error("NOSCRIPT No matching script."));
  await settle();
  assert.deepEqual(questions[1]?.command.slice(0, 4), ["EVAL", limitScript, "1", "test:a"]);
  questions[1]?.answer([1, 90_000]);
  await settle();
  assert.equal(decisions[0]?.remaining, 9);
});

test("without an answer in time there is no decision, once, and a late answer changes nothing", async () => {
  const { questions, decisions, take, settle, wait, results } = createStore();
  take();
  await wait(19);
  assert.deepEqual(decisions, []);
  await wait(1);
  assert.deepEqual(decisions, [null]);
  questions[0]?.answer([1, 90_000]);
  await settle();
  assert.deepEqual([decisions, results], [[null], ["timeout"]]);
});

test("each question has its own time, and the timer ends with the last", async () => {
  const { scheduler, questions, decisions, take, wait } = createStore();
  take();
  await wait(10);
  take();
  await wait(10);
  assert.deepEqual(decisions, [null]);
  await wait(9);
  questions[1]?.answer([1, 0]);
  await wait(1);
  assert.equal(decisions.length, 2);
  assert.notEqual(decisions[1], null);
  await wait(20);
  assert.equal(scheduler.pendingCount, 0);
});

for (const [what, reply] of [
  ["an error", new Error("LOADING")],
  ["rubbish", "what?"],
  ["too little", [1]],
] as const) {
  test(`${what} is no decision`, async () => {
    const { questions, decisions, take, settle, results } = createStore();
    take();
    if (reply instanceof Error) questions[0]?.fail(reply);
    else questions[0]?.answer(reply);
    await settle();
    assert.deepEqual([decisions, results], [[null], ["error"]]);
  });
}

test("after five failures in a row it is left alone for a second, then asked once", async () => {
  const { questions, decisions, take, settle, wait, results, outages } = createStore();
  for (let count = 0; count < 5; count++) take();
  await wait(20);
  assert.deepEqual([decisions.length, questions.length, outages], [5, 5, ["no answer within 20 ms"]]);
  take();
  take();
  assert.deepEqual([decisions.length, questions.length], [7, 5], "decided at once, without asking");
  assert.deepEqual(results.slice(5), ["skipped", "skipped"]);
  await wait(1_000);
  take();
  take();
  assert.equal(questions.length, 6, "one asks for all");
  questions[5]?.answer([1, 0]);
  await settle();
  assert.deepEqual(outages, ["no answer within 20 ms", null]);
  take();
  assert.equal(questions.length, 7);
});

test("the log can say what the server refused with", async () => {
  const { questions, take, settle, outages } = createStore();
  for (let count = 0; count < 5; count++) {
    take();
    questions[count]?.fail(new Error("READONLY You can't write against a read only replica."));
    await settle();
  }
  assert.deepEqual(outages, ["READONLY You can't write against a read only replica."]);
});

test("a failing probe means another second", async () => {
  const { questions, take, wait, outages } = createStore();
  for (let count = 0; count < 5; count++) take();
  await wait(20);
  await wait(1_000);
  take();
  await wait(20);
  take();
  assert.equal(questions.length, 6);
  await wait(1_000);
  take();
  assert.deepEqual([questions.length, outages], [7, ["no answer within 20 ms"]]);
});
