/** The balancers that look at the load: least-connections and power-of-two. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import type { BalanceName } from "../balance-options.ts";
import { createBalancer } from "./create-balancer.ts";
import { candidates, hint, type TestCandidate, TestShared } from "./testing/candidates.ts";

const open = (name: BalanceName, members: readonly TestCandidate[], seed = 1) =>
  createBalancer(name, members, { shared: new TestShared(), random: seededRandom(seed) });

test("least-connections picks the least loaded by weight", () => {
  const cases: [weights: number[], inFlight: number[], expected: string][] = [
    [[1, 1, 1], [2, 1, 2], "b"],
    [[1, 1], [0, 5], "a"],
    [[4, 1], [4, 1], "a"],
    [[4, 1], [7, 0], "b"],
    [[4, 1], [2, 0], "b"],
    [[4, 1], [2, 1], "a"],
    [[1, 3, 2], [0, 3, 0], "c"],
  ];
  for (const [weights, inFlight, expected] of cases) {
    const members = candidates(...weights);
    inFlight.forEach((load, index) => (members[index]!.inFlight = load));
    assert.equal(open("least-connections", members).pick(hint())?.name, expected, `${weights} with ${inFlight}`);
  }
});

test("least-connections: equals take turns", () => {
  const balancer = open("least-connections", candidates(1, 1, 1));
  assert.equal(Array.from({ length: 6 }, () => balancer.pick(hint())!.name).join(""), "abcabc");
});

test("least-connections: idle endpoints share by weight, and none stays cold", () => {
  const balancer = open("least-connections", candidates(5, 1, 1));
  assert.equal(Array.from({ length: 14 }, () => balancer.pick(hint())!.name).join(""), "aabacaaaabacaa");
});

test("least-connections: a standing load spreads by weight", () => {
  const members = candidates(5, 3, 2);
  const balancer = open("least-connections", members);
  for (let arrival = 0; arrival < 1_000; arrival++) balancer.pick(hint())!.inFlight++;
  assert.deepEqual(
    members.map((member) => member.inFlight),
    [500, 300, 200],
  );
});

test("power-of-two never picks the busiest of three, and of two always the less busy", () => {
  const members = candidates(1, 1, 1);
  members[0]!.inFlight = 9;
  const balancer = open("power-of-two", members);
  for (let pick = 0; pick < 500; pick++) assert.notEqual(balancer.pick(hint())!.name, "a");
  for (let pick = 0; pick < 100; pick++) assert.equal(balancer.pick(hint([members[1]!]))!.name, "c");
});

test("power-of-two compares load by weight", () => {
  const members = candidates(10, 1);
  members[0]!.inFlight = 5;
  members[1]!.inFlight = 1;
  const balancer = open("power-of-two", members);
  for (let pick = 0; pick < 100; pick++) assert.equal(balancer.pick(hint())!.name, "a");
  members[0]!.inFlight = 11;
  for (let pick = 0; pick < 100; pick++) assert.equal(balancer.pick(hint())!.name, "b");
});

test("power-of-two keeps a standing load far more even than random does", () => {
  const spread = (name: BalanceName): number => {
    const members = candidates(...new Array<number>(50).fill(1));
    const balancer = open(name, members, 42);
    for (let arrival = 0; arrival < 5_000; arrival++) balancer.pick(hint())!.inFlight++;
    return Math.max(...members.map((member) => member.inFlight)) - 100;
  };
  assert.ok(spread("power-of-two") <= 4, `power-of-two: ${spread("power-of-two")} above the mean`);
  assert.ok(spread("random") > 10, `random: ${spread("random")} above the mean`);
});
