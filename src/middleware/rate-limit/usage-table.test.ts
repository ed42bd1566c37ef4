import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { SharedMemory, wordsOf } from "../../base/shared-memory.ts";
import { UsageTable } from "./usage-table.ts";

const open = (memory = new SharedMemory()): UsageTable => new UsageTable(UsageTable.reserve(memory, "test"));

function collected(table: UsageTable): Map<string, number> {
  const counts = new Map<string, number>();
  // Two threads may have taken a place each for one key at once.
  table.collect((key, count) => counts.set(key, (counts.get(key) ?? 0) + count));
  return counts;
}

test("what was counted is taken away once, by key", () => {
  const table = open();
  for (const key of ["a", "b", "a", "", "192.0.2.1", "a"]) table.add(key);
  assert.deepEqual(
    collected(table),
    new Map([
      ["a", 3],
      ["b", 1],
      ["", 1],
      ["192.0.2.1", 1],
    ]),
  );
  assert.deepEqual(collected(table), new Map());
  table.add("a");
  assert.deepEqual(collected(table), new Map([["a", 1]]));
});

test("keys that nobody uses any more leave their places to others, however many there were", () => {
  const table = open();
  for (let round = 0; round < 50; round++) {
    for (let key = 0; key < 200; key++) table.add(`${round}:${key}`);
    assert.equal(collected(table).size, 200);
    collected(table);
  }
});

test("a flood of keys is bounded, and a key that is too long is left out", () => {
  const table = open();
  for (let key = 0; key < 20_000; key++) table.add(String(key));
  assert.ok(collected(table).size <= 2_048);
  collected(table);
  table.add("x".repeat(140));
  table.add("y".repeat(141));
  assert.deepEqual([...collected(table).keys()], ["x".repeat(140)]);
});

test("a place that a dead thread was writing is used again", () => {
  const memory = new SharedMemory();
  const region = UsageTable.reserve(memory, "test");
  const words = wordsOf(region);
  for (let place = 16; place < words.length; place += 40) words[place] = 1;
  const table = open(memory);
  table.add("a");
  assert.equal(collected(table).size, 0);
  collected(table);
  table.add("a");
  assert.deepEqual(collected(table), new Map([["a", 1]]));
});

test("several threads count together", async () => {
  const memory = new SharedMemory();
  const region = UsageTable.reserve(memory, "test");
  const source = `
    const { workerData } = require("node:worker_threads");
    import(workerData.module).then(({ UsageTable }) => {
      const table = new UsageTable(workerData.region);
      for (let count = 0; count < 10000; count++) table.add("key" + (count % 10));
    });`;
  const workerData = { region, module: new URL("./usage-table.ts", import.meta.url).href };
  await Promise.all(
    [1, 2, 3].map(() => new Promise((resolve) => new Worker(source, { eval: true, workerData }).on("exit", resolve))),
  );
  const counts = collected(open(memory));
  assert.equal(counts.size, 10);
  const sum = [...counts.values()].reduce((one, other) => one + other);
  // A count is lost if two threads want the same free place for the first time at once.
  assert.ok(sum <= 30_000 && sum >= 29_900, `${sum} were counted`);
});

test("whether counts are exchanged is known in all threads", () => {
  const memory = new SharedMemory();
  const [control, thread] = [open(memory), open(memory)];
  assert.equal(thread.isExchanged, false);
  control.isExchanged = true;
  assert.equal(thread.isExchanged, true);
});
