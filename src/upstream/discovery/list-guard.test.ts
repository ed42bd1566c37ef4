import assert from "node:assert/strict";
import { test } from "node:test";
import { ListGuard } from "./list-guard.ts";
import { endpoint, endpoints } from "./testing/told-discovery.ts";

const keptBack = (guard: ListGuard, current: number[], next: number[], nowMs = 0): number[] =>
  guard.keptBack(endpoints(...current), endpoints(...next), nowMs).map(({ host }) => Number(host?.split(".")[3]));

test("a list without any endpoint, or with less than half of them, keeps those that are missing", () => {
  const cases: [current: number[], next: number[], kept: number[]][] = [
    [[], [], []],
    [[], [1], []],
    [[1], [], [1]],
    [[1, 2], [1], []],
    [[1, 2], [], [1, 2]],
    [[1, 2, 3], [3], [1, 2]],
    [[1, 2, 3, 4], [3, 4], []],
    [
      [1, 2, 3, 4, 5],
      [4, 5],
      [1, 2, 3],
    ],
    [[1, 2], [3, 4], []],
    [[1, 2, 3], [9], [1, 2, 3]],
    [[1, 2, 3], [3, 2, 1], []],
  ];
  for (const [current, next, kept] of cases)
    assert.deepEqual(keptBack(new ListGuard(1_000), current, next), kept, `${current.join()} to ${next.join()}`);
});

test("many small steps down within the time are a large one", () => {
  const guard = new ListGuard(1_000);
  assert.deepEqual(keptBack(guard, [], [1, 2, 3, 4]), []);
  assert.deepEqual(keptBack(guard, [1, 2, 3, 4], [1, 2, 3], 10), []);
  assert.deepEqual(keptBack(guard, [1, 2, 3], [1, 2], 20), []);
  assert.deepEqual(keptBack(guard, [1, 2], [1], 30), [2]);
  const slow = new ListGuard(1_000);
  assert.deepEqual(keptBack(slow, [], [1, 2, 3, 4]), []);
  assert.deepEqual(keptBack(slow, [1, 2, 3, 4], [1, 2, 3], 1_001), []);
  assert.deepEqual(keptBack(slow, [1, 2, 3], [1, 2], 2_002), []);
  assert.deepEqual(keptBack(slow, [1, 2], [1], 3_003), []);
});

test("one that was going away already may go at any time, and counts for nothing", () => {
  const draining = endpoint(1, { weight: 0 });
  assert.deepEqual(new ListGuard(1_000).keptBack([draining], [], 0), []);
  assert.deepEqual(
    new ListGuard(1_000).keptBack(endpoints(1, 2), [draining, endpoint(2, { weight: 0 })], 0),
    [],
    "all are there, to be drained",
  );
  assert.deepEqual(new ListGuard(1_000).keptBack([draining, endpoint(2)], [draining], 0), [endpoint(2)]);
});

test("what was believed is where the next drop is seen from", () => {
  const guard = new ListGuard(1_000);
  assert.deepEqual(keptBack(guard, [], [1, 2, 3, 4]), []);
  guard.believe(endpoints(1), 10);
  assert.deepEqual(keptBack(guard, [1], [1], 20), []);
});

test("without a time nothing is kept", () => {
  assert.deepEqual(keptBack(new ListGuard(0), [1, 2, 3], []), []);
});
