/** Work that is left to later turns: in order, and no more of it in one turn than is said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { maxTasksPerTurn, TurnQueue, type TurnTask } from "./turn-queue.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("tasks run in the order of their asking, so many a turn, and those that ask again stand behind all others", async () => {
  const queue = new TurnQueue();
  const ran: string[] = [];
  const taskOf = (name: string, times: number): TurnTask => {
    let left = times;
    const task: TurnTask = {
      runInTurn() {
        ran.push(name);
        if (--left > 0) queue.add(task);
      },
    };
    return task;
  };
  for (let at = 0; at < maxTasksPerTurn * 2 + 1; at++) queue.add(taskOf(`task ${at}`, at === 0 ? 2 : 1));
  assert.deepEqual(ran, [], "nothing runs in this turn");
  const counts: number[] = [];
  while (queue.length > 0) {
    const before = ran.length;
    await nextTurn();
    counts.push(ran.length - before);
  }
  assert.deepEqual(
    counts.filter((count) => count > 0),
    [maxTasksPerTurn, maxTasksPerTurn, 2],
  );
  assert.deepEqual(ran.slice(-2), [`task ${maxTasksPerTurn * 2}`, "task 0"]);
});

test("a queue that was empty starts again", async () => {
  const queue = new TurnQueue();
  let ran = 0;
  for (const expected of [1, 2, 3]) {
    queue.add({ runInTurn: () => void ran++ });
    await nextTurn();
    await nextTurn();
    assert.equal(ran, expected);
  }
});
