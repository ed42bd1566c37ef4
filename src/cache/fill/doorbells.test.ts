import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { SharedMemory } from "../../base/shared-memory.ts";
import { Doorbells, maskOf } from "./doorbells.ts";

/** Nothing of a wait keeps a process, or this test, alive. */
function stayAlive(context: { after(end: () => void): void }): void {
  const timer = setInterval(() => {}, 1_000);
  context.after(() => clearInterval(timer));
}

function openTwo() {
  const memory = new SharedMemory();
  Doorbells.reserve(memory, 2);
  return { memory, first: Doorbells.open(memory, 0, 2), second: Doorbells.open(memory, 1, 2) };
}

test("who is rung runs its listeners, and nobody else does", async (context) => {
  stayAlive(context);
  const { first, second } = openTwo();
  const rung = Promise.withResolvers<void>();
  let others = 0;
  second.listen(() => rung.resolve());
  first.listen(() => others++);
  first.ring(second.ownMask);
  await rung.promise;
  await turn();
  assert.equal(others, 0);
});

test("many rings before it looks are one", async (context) => {
  stayAlive(context);
  const { first } = openTwo();
  const heard: number[] = [];
  first.listen(() => heard.push(1));
  for (let index = 0; index < 10; index++) first.ring(first.ownMask);
  assert.deepEqual(heard, []);
  for (let index = 0; index < 10; index++) await turn();
  assert.deepEqual(heard, [1]);
});

test("a ring while the listeners run is not lost", async (context) => {
  stayAlive(context);
  const { first } = openTwo();
  const done = Promise.withResolvers<void>();
  let count = 0;
  first.listen(() => {
    if (++count === 100) done.resolve();
    else first.ring(first.ownMask);
  });
  first.ring(first.ownMask);
  await done.promise;
});

test("a listener that is closed hears nothing, and what one throws is told and stops no other", async (context) => {
  stayAlive(context);
  const memory = new SharedMemory();
  Doorbells.reserve(memory, 1);
  const errors: unknown[] = [];
  const bells = Doorbells.open(memory, 0, 1, (error) => errors.push(error));
  const heard = Promise.withResolvers<void>();
  bells.listen(() => assert.fail("closed")).close();
  bells.listen(() => {
    throw new Error("mine");
  });
  bells.listen(() => heard.resolve());
  bells.ring(bells.ownMask);
  await heard.promise;
  assert.deepEqual(errors.map(String), ["Error: mine"]);
  bells.close();
  bells.ring(bells.ownMask);
  await turn();
  assert.equal(errors.length, 1);
});

test("threads from the 32nd on share a bit, and are all rung by it", async (context) => {
  stayAlive(context);
  const memory = new SharedMemory();
  Doorbells.reserve(memory, 40);
  assert.equal(maskOf(31), maskOf(39));
  const rung = [30, 31, 39].map((stripe) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    Doorbells.open(memory, stripe, 40).listen(() => resolve(stripe));
    return promise;
  });
  Doorbells.open(memory, 0, 40).ring(maskOf(39) | maskOf(30));
  assert.deepEqual(await Promise.all(rung), [30, 31, 39]);
});

test("threads wake each other, and one that dies while it waits harms nobody", async () => {
  const { memory, first } = openTwo();
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { SharedMemory } = await import(workerData.memoryModule);
    const { Doorbells } = await import(workerData.module);
    const bells = Doorbells.open(new SharedMemory(workerData.snapshot), 1, 2);
    bells.listen(() => bells.ring(1));
    parentPort.on("message", () => {});
    parentPort.postMessage("up");`;
  const start = () =>
    new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      workerData: {
        snapshot: memory.snapshot(),
        module: new URL("doorbells.ts", import.meta.url).href,
        memoryModule: new URL("../../base/shared-memory.ts", import.meta.url).href,
      },
    });
  for (let round = 0; round < 3; round++) {
    const worker = start();
    await once(worker, "message");
    const { promise, resolve } = Promise.withResolvers<void>();
    const listening = first.listen(resolve);
    first.ring(maskOf(1));
    await promise;
    listening.close();
    await worker.terminate();
    first.ring(maskOf(1));
  }
});

test("a ring is not lost to those who have been called when somebody else begins to listen meanwhile", async () => {
  const memory = new SharedMemory();
  Doorbells.reserve(memory, 1);
  const bells = Doorbells.open(memory, 0, 1);
  const { promise, resolve } = Promise.withResolvers<void>();
  let calls = 0;
  const listening = bells.listen(() => {
    if (++calls > 1) return resolve();
    bells.ring(bells.ownMask);
    bells.listen(() => {}).close();
  });
  bells.ring(bells.ownMask);
  // A wait keeps nothing alive.
  const alive = setInterval(() => {}, 1_000);
  await promise;
  clearInterval(alive);
  listening.close();
});
