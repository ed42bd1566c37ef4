import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { HeapTrim } from "./heap-trim.ts";

const mib = 2 ** 20;

function stage(): {
  look(at: {
    second: number;
    utilization?: number;
    totalMib?: number;
    usedMib?: number;
    isDisturbed?: boolean;
  }): boolean;
} {
  let current = { second: 0, utilization: 0, totalMib: 10, usedMib: 8, isDisturbed: false };
  let trims = 0;
  const trim = new HeapTrim(
    {
      now: () => current.second * 1_000,
      readUtilization: () => current.utilization,
      readHeap: () => ({ totalBytes: current.totalMib * mib, usedBytes: current.usedMib * mib }),
      collect: () => {
        if (current.isDisturbed) return false;
        trims++;
        current = { ...current, totalMib: 7 };
        return true;
      },
    },
    { longestStopMs: 120, quietUtilization: 0.05 },
  );
  return {
    look(at) {
      const before = trims;
      current = { utilization: 0, totalMib: 10, usedMib: 8, isDisturbed: false, ...at };
      trim.look();
      return trims > before;
    },
  };
}

test("a heap is trimmed once after the start, and again if it has grown since", () => {
  const { look } = stage();
  assert.equal(look({ second: 2 }), true);
  assert.equal(look({ second: 60, totalMib: 8 }), false, "1 MiB is not worth it");
  assert.equal(look({ second: 62, totalMib: 9 }), true);
});

test("a thread that is busy is left alone, and so is one that was trimmed a moment ago", () => {
  const { look } = stage();
  assert.equal(look({ second: 2, utilization: 0.05 }), false);
  assert.equal(look({ second: 4, utilization: 0.04 }), true);
  assert.equal(look({ second: 33, totalMib: 30 }), false);
  assert.equal(look({ second: 34, totalMib: 30 }), true);
});

test("a large heap is left alone: trimming would stop the thread for long", () => {
  const { look } = stage();
  assert.equal(look({ second: 2, totalMib: 120, usedMib: 101 }), false);
  assert.equal(look({ second: 4, totalMib: 120, usedMib: 100 }), true);
});

test("a trim that other threads have disturbed is tried again at the next look", () => {
  const { look } = stage();
  assert.equal(look({ second: 2, isDisturbed: true }), false);
  assert.equal(look({ second: 4 }), true);
});

test("threads that collect at the same time do not disturb each other: V8's flag for it is one for all", async () => {
  const code = `
    import(${JSON.stringify(new URL("./heap-trim.ts", import.meta.url).href)}).then(({ collectGarbage }) => {
      let collections = 0;
      for (let turn = 0; turn < 40; turn++) if (collectGarbage()) collections++;
      require("node:worker_threads").parentPort.postMessage(collections);
    });`;
  const workers = Array.from({ length: 4 }, () => new Worker(code, { eval: true }));
  const collections = await Promise.all(
    workers.map(async (worker) => ((await once(worker, "message")) as [number])[0]),
  );
  for (const count of collections) assert.ok(count > 0, `${count} of 40 turns`);
  await Promise.all(workers.map((worker) => worker.terminate()));
});
