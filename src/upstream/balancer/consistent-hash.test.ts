import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { describeBalance } from "../balance-key.ts";
import type { BalanceOptions } from "../balance-options.ts";
import { createBalancer } from "./create-balancer.ts";
import { hint, TestCandidate, TestShared } from "./testing/candidates.ts";

const keys = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
const ring: BalanceOptions = { ringHash: { key: "header:x-user", balanceFactor: 0 } };
const bounded: BalanceOptions = { ringHash: { key: "header:x-user", balanceFactor: 125 } };
const maglev: BalanceOptions = { maglev: { key: "header:x-user" } };
const pool = (count: number, weight = (_index: number): number => 1): TestCandidate[] =>
  Array.from({ length: count }, (_, index) => new TestCandidate(`http://10.0.0.${index}:80`, weight(index)));
const open = (balance: BalanceOptions, members: readonly TestCandidate[], shared = new TestShared()) =>
  createBalancer(balance, members, { shared, random: seededRandom(1) });

/** Who has which key. */
function assign(balance: BalanceOptions, members: readonly TestCandidate[]): string[] {
  const balancer = open(balance, members);
  return keys.map((key) => balancer.pick(hint([], key))!.name);
}

/** How many of the keys that did not belong to `lost` changed hands, as a part of all keys. */
const strayed = (before: readonly string[], after: readonly string[], lost: string): number =>
  before.filter((owner, index) => owner !== lost && owner !== after[index]).length / keys.length;

/** `tolerance`: how far a share may be from the weight. `stray`: keys of others that a loss may move. */
const subjects: [balance: BalanceOptions, tolerance: number, stray: number][] = [
  ["ip-hash", 0.08, 0],
  [ring, 0.25, 0],
  [bounded, 0.25, 0],
  [maglev, 0.05, 0.03],
];

for (const [balance, tolerance, stray] of subjects) {
  const name = balance === bounded ? "bounded ringHash" : describeBalance(balance);

  test(`${name}: keys stay where they are, in any thread and whatever the order of the endpoints`, () => {
    const members = pool(7);
    assert.deepEqual(assign(balance, members), assign(balance, pool(7)));
    assert.deepEqual(assign(balance, members), assign(balance, [...members].reverse()));
  });

  for (const [title, weight] of [
    ["equal weights", () => 1],
    ["weights 1 to 3", (index: number) => 1 + (index % 3)],
    ["large weights", (index: number) => 500 + 250 * (index % 3)],
  ] as const) {
    test(`${name}: with ${title}, shares follow the weights`, () => {
      const members = pool(10, weight);
      const total = members.reduce((sum, member) => sum + member.weight, 0);
      const owners = assign(balance, members);
      for (const member of members) {
        const part = owners.filter((owner) => owner === member.name).length / keys.length;
        const expected = member.weight / total;
        const chance = 4 * Math.sqrt((expected * (1 - expected)) / keys.length);
        assert.ok(
          Math.abs(part - expected) < tolerance * expected + chance,
          `${member.name}: ${part} instead of ${expected}`,
        );
      }
    });

    test(`${name}: with ${title}, a lost endpoint moves its own keys, spread over all others, and they come back`, () => {
      const members = pool(10, weight);
      const shared = new TestShared();
      const balancer = open(balance, members, shared);
      const before = keys.map((key) => balancer.pick(hint([], key))!.name);
      for (const lost of [members[0]!, members[5]!]) {
        lost.isAvailable = false;
        shared.epoch++;
        const during = keys.map((key) => balancer.pick(hint([], key))!.name);
        assert.ok(
          strayed(before, during, lost.name) <= stray,
          `${strayed(before, during, lost.name)} of the keys strayed`,
        );
        assert.equal(new Set(during.filter((_, index) => before[index] === lost.name)).size, 9);
        lost.isAvailable = true;
        shared.epoch++;
        assert.deepEqual(
          keys.map((key) => balancer.pick(hint([], key))!.name),
          before,
        );
      }
    });

    test(`${name}: with ${title}, removing or adding one of ten by configuration moves about a tenth of the keys`, () => {
      const members = pool(10, weight);
      const before = assign(balance, members);
      for (const removed of members) {
        const after = assign(
          balance,
          members.filter((member) => member !== removed),
        );
        const total = members.reduce((sum, member) => sum + member.weight, 0);
        const moved = before.filter((owner, index) => owner !== after[index]).length / keys.length;
        assert.ok(
          moved < (removed.weight / total) * (1 + tolerance) + stray + 0.01,
          `${moved} of the keys moved without ${removed.name}`,
        );
      }
    });
  }

  test(`${name}: a retry goes elsewhere, the same way each time, and spreads`, () => {
    const members = pool(5);
    const balancer = open(balance, members);
    const seconds = new Map<string, Set<string>>();
    for (const key of keys.slice(0, 2_000)) {
      const first = balancer.pick(hint([], key))!;
      const second = balancer.pick(hint([first], key))!;
      assert.notEqual(second, first);
      assert.equal(balancer.pick(hint([first], key)), second);
      seconds.set(first.name, (seconds.get(first.name) ?? new Set()).add(second.name));
    }
    for (const [first, others] of seconds) assert.equal(others.size, 4, `keys of ${first} go to all others`);
  });

  test(`${name}: requests without a key spread over everybody`, () => {
    const balancer = open(balance, pool(4));
    assert.equal(new Set(Array.from({ length: 200 }, () => balancer.pick(hint())!.name)).size, 4);
  });
}

test("a popular key overruns its endpoint on a plain ring; a bounded one spills it to the next, and no further than needed", () => {
  const fill = (balance: BalanceOptions): number[] => {
    const members = pool(5);
    const balancer = open(balance, members);
    for (let request = 0; request < 100; request++) balancer.pick(hint([], "popular"))!.inFlight++;
    return members.map((member) => member.inFlight).sort((one, other) => other - one);
  };
  assert.deepEqual(fill(ring), [100, 0, 0, 0, 0]);
  assert.deepEqual(fill(bounded), [25, 25, 25, 25, 0]);
});

test("bounded load goes by weight, and never has more than its bound in flight whatever the keys", () => {
  const members = pool(6, (index) => 1 + index);
  const balancer = open(bounded, members);
  const random = seededRandom(3);
  for (let request = 1; request <= 2_000; request++) {
    balancer.pick(hint([], keys[Math.floor(random() ** 4 * 50)]!))!.inFlight++;
    for (const member of members) assert.ok(member.inFlight <= Math.ceil((1.25 * request * member.weight) / 21));
  }
});

test("a bounded ring picks somebody even if those with room were all tried", () => {
  const members = pool(3);
  for (const [index, load] of [
    [0, 50],
    [1, 50],
    [2, 0],
  ] as const)
    members[index]!.inFlight = load;
  assert.ok([members[0], members[1]].includes(open(bounded, members).pick(hint([members[2]!], "key"))!));
});

test("a hundred endpoints with large weights make a ring and a table of bounded size, and all are used", () => {
  for (const balance of [ring, maglev])
    assert.equal(
      new Set(
        assign(
          balance,
          pool(100, () => 1_000),
        ),
      ).size,
      100,
    );
});
