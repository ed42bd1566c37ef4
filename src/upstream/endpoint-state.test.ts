import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { ManualClock } from "../base/clock.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { EndpointFlag, EndpointState, Health } from "./endpoint-state.ts";
import { UpstreamState } from "./upstream-state.ts";

function open(stripes = 2): {
  memory: SharedMemory;
  upstream: UpstreamState;
  window: (stripeIndex: number) => EndpointState;
} {
  const memory = new SharedMemory();
  const upstream = UpstreamState.open(memory, "api");
  return {
    memory,
    upstream,
    window: (stripeIndex) =>
      EndpointState.open(memory, { upstreamName: "api", url: "http://127.0.0.1:80", stripeIndex, stripes, upstream }),
  };
}

test("a new endpoint is unknown, without flags, without load, and admits", () => {
  const state = open().window(0);
  assert.equal(state.health, Health.unknown);
  assert.equal(state.healthName, "unknown");
  assert.equal(state.inFlight, 0);
  assert.equal(state.weightOverride, null);
  assert.equal(state.isAdmitting, true);
});

test("attempts in flight add up over the threads, and every window sees the sum", () => {
  const { window } = open(3);
  const [first, second, observer] = [window(0), window(2), window(-1)];
  first.enter();
  first.enter();
  second.enter();
  for (const state of [first, second, observer]) assert.equal(state.inFlight, 3);
  first.leave();
  second.leave();
  assert.equal(observer.inFlight, 1);
  assert.equal(window(0).inFlight, 1, "a window opened later, as after a reload");
});

test("an observer counts nothing and disturbs nothing", () => {
  const { window } = open();
  const observer = window(-1);
  observer.enter();
  assert.equal(observer.inFlight, 0);
  assert.equal(observer.health, Health.unknown);
  assert.equal(observer.isAdmitting, true);
});

test("clearing a dead thread's stripe leaves the others' attempts counted", () => {
  const { window } = open();
  const [dead, alive] = [window(0), window(1)];
  dead.enter();
  alive.enter();
  window(-1).clearStripe(0);
  assert.equal(alive.inFlight, 1);
  assert.throws(() => alive.clearStripe(2), RangeError);
  assert.throws(() => window(2), RangeError);
});

test("each gate closes and opens, and each change moves the epoch once", () => {
  const { upstream, window } = open();
  const [one, other] = [window(0), window(1)];
  const cases: [name: string, change: (state: EndpointState) => void, isAdmitting: boolean, movesEpoch: boolean][] = [
    ["healthy", (state) => (state.health = Health.healthy), true, true],
    ["healthy again", (state) => (state.health = Health.healthy), true, false],
    ["unhealthy", (state) => (state.health = Health.unhealthy), false, true],
    ["unknown", (state) => (state.health = Health.unknown), true, true],
    ["draining", (state) => state.setFlag(EndpointFlag.draining), false, true],
    ["draining again", (state) => state.setFlag(EndpointFlag.draining), false, false],
    ["ejected too", (state) => state.setFlag(EndpointFlag.ejected), false, true],
    ["no longer draining", (state) => state.clearFlag(EndpointFlag.draining), false, true],
    ["no longer ejected", (state) => state.clearFlag(EndpointFlag.ejected), true, true],
    ["cleared again", (state) => state.clearFlag(EndpointFlag.ejected), true, false],
    ["disabled", (state) => state.setFlag(EndpointFlag.disabled), false, true],
    ["enabled", (state) => state.clearFlag(EndpointFlag.disabled), true, true],
    ["weight 0", (state) => (state.weightOverride = 0), true, true],
    ["weight 0 again", (state) => (state.weightOverride = 0), true, false],
    ["configured weight", (state) => (state.weightOverride = null), true, true],
  ];
  for (const [name, change, isAdmitting, movesEpoch] of cases) {
    const before = upstream.epoch;
    change(one);
    assert.equal(other.isAdmitting, isAdmitting, name);
    assert.equal(upstream.epoch - before, movesEpoch ? 1 : 0, name);
  }
});

test("flags are told apart and a weight of 0 is not the absence of one", () => {
  const state = open().window(0);
  state.setFlag(EndpointFlag.ejected);
  assert.deepEqual([state.hasFlag(EndpointFlag.draining), state.hasFlag(EndpointFlag.ejected)], [false, true]);
  for (const weight of [0, 1, 65_535, null]) {
    state.weightOverride = weight;
    assert.equal(state.weightOverride, weight);
  }
});

test("threads that count and take turns at the same time lose nothing and share no turn", async () => {
  const { memory, upstream, window } = open(2);
  const rounds = 20_000;
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    (async () => {
      const { SharedMemory } = await import(workerData.memoryUrl);
      const { UpstreamState } = await import(workerData.upstreamUrl);
      const { EndpointState } = await import(workerData.endpointUrl);
      const memory = new SharedMemory(workerData.snapshot);
      const upstream = UpstreamState.open(memory, "api");
      const state = EndpointState.open(memory, { upstreamName: "api", url: "http://127.0.0.1:80", stripeIndex: workerData.stripeIndex, stripes: 2, upstream });
      const turns = new Uint32Array(${rounds});
      for (let round = 0; round < ${rounds}; round++) {
        state.enter(); state.enter(); state.leave();
        turns[round] = upstream.takeTurn();
      }
      parentPort.postMessage(turns);
    })();`;
  const urls = {
    memoryUrl: new URL("../base/shared-memory.ts", import.meta.url).href,
    upstreamUrl: new URL("./upstream-state.ts", import.meta.url).href,
    endpointUrl: new URL("./endpoint-state.ts", import.meta.url).href,
  };
  window(0);
  const turns = await Promise.all(
    [0, 1].map(
      (stripeIndex) =>
        new Promise<Uint32Array>((resolve, reject) => {
          const worker = new Worker(source, {
            eval: true,
            workerData: { ...urls, snapshot: memory.snapshot(), stripeIndex },
          });
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    ),
  );
  assert.equal(window(-1).inFlight, 2 * rounds);
  assert.equal(new Set(turns.flatMap((taken) => [...taken])).size, 2 * rounds);
  assert.equal(upstream.takeTurn(), 2 * rounds);
});

test("the moment of a return is noted, whatever gate had been closed, and only when the last one opens", () => {
  const memory = new SharedMemory();
  const clock = new ManualClock(1_000);
  const state = EndpointState.open(memory, {
    upstreamName: "api",
    url: "http://127.0.0.1:80",
    stripeIndex: 0,
    stripes: 1,
    upstream: UpstreamState.open(memory, "api"),
    clock,
  });
  state.health = Health.healthy;
  assert.equal(state.returnedMs, 0, "it has been there since the start");
  state.health = Health.unhealthy;
  state.setFlag(EndpointFlag.draining);
  clock.advance(5);
  state.health = Health.healthy;
  assert.equal(state.returnedMs, 0, "it is still draining");
  clock.advance(5);
  state.clearFlag(EndpointFlag.draining);
  assert.equal(state.returnedMs, 1_010);
  clock.advance(5);
  state.weightOverride = 3;
  state.clearFlag(EndpointFlag.ejected);
  assert.equal(state.returnedMs, 1_010);
  state.markAdded();
  assert.equal(state.returnedMs, 1_015);
});

test("clients that belong to an endpoint stay while it drains, not when it fails, is ejected or disabled", () => {
  const state = open().window(0);
  const cases: [change: () => void, isKeepingClients: boolean, isWanted: boolean][] = [
    [() => {}, true, true],
    [() => state.setFlag(EndpointFlag.draining), true, false],
    [() => state.setFlag(EndpointFlag.disabled), false, false],
    [() => (state.clearFlag(EndpointFlag.draining), state.clearFlag(EndpointFlag.disabled)), true, true],
    [() => state.setFlag(EndpointFlag.ejected), false, true],
    [() => (state.clearFlag(EndpointFlag.ejected), (state.health = Health.unhealthy)), false, true],
  ];
  for (const [change, isKeepingClients, isWanted] of cases) {
    change();
    assert.deepEqual([state.isKeepingClients, state.isWanted], [isKeepingClients, isWanted]);
  }
});

test("whether checks get an answer moves the epoch when it changes", () => {
  const { upstream, window } = open();
  const state = window(0);
  assert.equal(state.isAnswering, true);
  const before = upstream.epoch;
  state.isAnswering = false;
  state.isAnswering = false;
  assert.equal(window(-1).isAnswering, false);
  assert.equal(upstream.epoch, before + 1);
});

test("all threads feed and read one latency average", () => {
  const { window } = open();
  window(0).latency.observe(40, 1_000);
  assert.equal(window(1).latency.at(1_000), 40);
  assert.equal(window(-1).latency.at(1_000), 40);
  assert.equal(window(1).inFlight, 0, "it is not counted as load");
});
