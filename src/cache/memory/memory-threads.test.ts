/** The memory store under threads that use it at the same time, and are killed at any moment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { seededRandom } from "../../base/random.ts";
import { SharedMemory, wordsOf } from "../../base/shared-memory.ts";
import { SteadyClock } from "../../base/steady-clock.ts";
import { threadArguments } from "../../base/thread-start.ts";
import { Doorbells } from "../fill/doorbells.ts";
import { PurgeLog } from "../purge/purge-log.ts";
import { openMemoryRegion } from "./memory-control.ts";
import { reserveMemoryStore } from "./reserve-memory-store.ts";
import { audit } from "./testing/audit.ts";
import { firstCount, type HammerData, hammerKey } from "./testing/hammer-data.ts";

const stripes = 3;
const place = { name: "memory", maxBytes: 1_048_576, maxObjectBytes: 200_000 };

/** Threads that hammer one store. */
class Hammering {
  readonly #memory = new SharedMemory();
  readonly words = wordsOf(this.#memory.region(hammerKey, 256));
  readonly #clearStripe: (stripeIndex: number) => void;
  readonly #workers: Worker[] = [];
  readonly complaints: string[] = [];
  #seed = 1;

  constructor() {
    SteadyClock.reserve(this.#memory);
    PurgeLog.reserve(this.#memory);
    Doorbells.reserve(this.#memory, stripes);
    this.#clearStripe = reserveMemoryStore(place, { memory: this.#memory, stripes }).clearStripe!;
    for (let stripeIndex = 0; stripeIndex < stripes; stripeIndex++) this.#start(stripeIndex);
  }

  #start(stripeIndex: number): void {
    const data: HammerData = { snapshot: this.#memory.snapshot(), place, stripeIndex, stripes, seed: this.#seed++ };
    const worker = new Worker(new URL("testing/hammer-thread.ts", import.meta.url), {
      ...threadArguments,
      workerData: data,
    });
    worker.on("message", (complaint: string | null) => {
      if (complaint !== null) this.complaints.push(complaint);
    });
    worker.on("error", (error) => this.complaints.push(String(error)));
    this.#workers[stripeIndex] = worker;
  }

  done(stripeIndex: number): number {
    return Atomics.load(this.words, firstCount + stripeIndex);
  }

  /** Waits until a thread has done so many steps more. */
  async hasDone(stripeIndex: number, steps: number): Promise<void> {
    const start = this.done(stripeIndex);
    while (this.done(stripeIndex) - start < steps && this.complaints.length === 0)
      await once(this.#workers[stripeIndex]!, "message");
  }

  /** Kills a thread wherever it is, and starts another in its place. */
  async kill(stripeIndex: number): Promise<void> {
    await this.#workers[stripeIndex]!.terminate();
    this.#clearStripe(stripeIndex);
    this.#start(stripeIndex);
  }

  async stop(): Promise<void> {
    Atomics.store(this.words, 0, 1);
    await Promise.all(this.#workers.map((worker) => once(worker, "exit")));
    for (let stripeIndex = 0; stripeIndex < stripes; stripeIndex++) this.#clearStripe(stripeIndex);
  }

  audit(): ReturnType<typeof audit> {
    return audit(openMemoryRegion(this.#memory, place, stripes));
  }
}

test("threads that store, read and remove at the same time see no torn body, and everything adds up", async () => {
  const hammering = new Hammering();
  for (let stripeIndex = 0; stripeIndex < stripes; stripeIndex++) await hammering.hasDone(stripeIndex, 3_000);
  await hammering.stop();
  assert.deepEqual(hammering.complaints, []);
  const { live, drafts, pinned } = hammering.audit();
  assert.deepEqual({ drafts, pinned }, { drafts: 0, pinned: 0 });
  assert.ok(live > 0);
});

test("threads that are killed anywhere leave a store that adds up, and the others go on", async () => {
  const hammering = new Hammering();
  const random = seededRandom(5);
  for (let round = 0; round < 12; round++) {
    const stripeIndex = Math.floor(random() * stripes);
    await hammering.hasDone(stripeIndex, 1 + Math.floor(random() * 1_000));
    await hammering.kill(stripeIndex);
    assert.deepEqual(hammering.complaints, []);
  }
  for (let stripeIndex = 0; stripeIndex < stripes; stripeIndex++) await hammering.hasDone(stripeIndex, 200);
  await hammering.stop();
  assert.deepEqual(hammering.complaints, []);
  const { drafts, pinned } = hammering.audit();
  assert.deepEqual({ drafts, pinned }, { drafts: 0, pinned: 0 });
});
