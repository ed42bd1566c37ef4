import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCoreList, planCores } from "./machine.ts";

test("lists of cores are read as Linux writes them", () => {
  for (const [text, expected] of [
    ["0", [0]],
    ["0-3", [0, 1, 2, 3]],
    ["0-1,4,6-7\n", [0, 1, 4, 6, 7]],
    ["", []],
  ] as const) {
    assert.deepEqual(parseCoreList(text), expected, JSON.stringify(text));
  }
});

test("the proxy has a core that nothing else is given, as soon as there are two", () => {
  for (const count of [2, 3, 4, 6, 16]) {
    const plan = planCores(Array.from({ length: count }, (_, index) => index));
    assert.equal(plan.proxy.length, 1);
    assert.equal([...plan.load, ...plan.backend].includes(plan.proxy[0] as number), false, `${count} cores`);
  }
});

test("two proxy threads have cores of their own from four cores on", () => {
  for (const count of [4, 6, 16]) {
    const plan = planCores(Array.from({ length: count }, (_, index) => index));
    assert.equal(
      plan.proxyTwo.some((core) => plan.load.includes(core) || plan.backend.includes(core)),
      false,
      `${count} cores`,
    );
  }
});

test("on a single core everybody shares it", () => {
  assert.deepEqual(planCores([5]), { proxy: [5], proxyTwo: [5], load: [5], backend: [5] });
});
