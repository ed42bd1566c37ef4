import assert from "node:assert/strict";
import { test } from "node:test";
import { loopTurns } from "../../../test/support/signal.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import { RedisLine } from "./redis-line.ts";
import { scripts } from "./scripts.ts";

/** A line whose server is the test. */
function createLine(answer: (command: readonly (string | Buffer)[]) => Promise<unknown>) {
  const scheduler = new ManualScheduler();
  const told: string[] = [];
  const line = new RedisLine({
    scheduler,
    timeoutMs: 20,
    onFailure: (failure) => told.push(failure),
    onOutage: (cause) => told.push(`outage: ${cause}`),
    onSilence: () => told.push("silence"),
  });
  const answers: unknown[] = [];
  const ask = (isUrgent = true): void =>
    line.ask({ sender: { sendBytes: answer }, call: ["PING"], isUrgent, done: (given) => answers.push(given) });
  const wait = async (ms: number): Promise<void> => {
    scheduler.advance(ms);
    await loopTurns(3);
  };
  return { line, told, answers, ask, wait };
}

const never = (): Promise<unknown> => new Promise(() => {});

test("after five failures it is asked once a second, and silence then is told", async () => {
  const { told, answers, ask, wait, line } = createLine(never);
  for (let count = 0; count < 7; count++) ask();
  await wait(20);
  assert.deepEqual(
    told.filter((one) => one !== "timeout"),
    ["outage: no answer within 20 ms"],
    "those that are silent were asked before",
  );
  ask();
  assert.equal(told.at(-1), "skipped");
  await wait(1_000);
  ask();
  await wait(20);
  assert.equal(told.at(-1), "silence");
  assert.deepEqual(
    answers,
    Array.from({ length: 9 }, () => null),
  );
  assert.equal(line.pendingCount, 0);
});

test("what nobody waits for has more time", async () => {
  const { answers, ask, wait } = createLine(never);
  ask(false);
  await wait(1_999);
  assert.deepEqual(answers, []);
  await wait(1);
  assert.deepEqual(answers, [null]);
});

test("a refusal is no outage", async () => {
  const { told, ask, wait } = createLine(() => Promise.reject(new Error("OOM command not allowed")));
  for (let count = 0; count < 10; count++) ask();
  await wait(0);
  assert.deepEqual(
    told,
    Array.from({ length: 10 }, () => "refused"),
  );
});

test("a server that has forgotten a script is given it, and after close nobody is called", async () => {
  const commands: (string | Buffer)[][] = [];
  const { line } = createLine(never);
  const answers: unknown[] = [];
  const sender = {
    sendBytes: (command: readonly (string | Buffer)[]): Promise<unknown> => {
      commands.push([...command]);
      return command[0] === "EVALSHA" ? Promise.reject(new Error("NOSCRIPT No matching script.")) : Promise.resolve(1);
    },
  };
  const call = { script: scripts.find, keys: ["a", "b"], args: ["c"] };
  const ask = (): void => line.ask({ sender, call, isUrgent: true, done: (given) => answers.push(given) });
  ask();
  await loopTurns(3);
  assert.deepEqual(answers, [1]);
  assert.deepEqual(commands[1], ["EVAL", scripts.find.text, "2", "a", "b", "c"]);
  ask();
  line.close();
  ask();
  await loopTurns(3);
  assert.deepEqual(answers, [1]);
});
