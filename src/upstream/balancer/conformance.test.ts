/** What every balancer does, whatever its algorithm: the contract of `balancer.ts`, run against all of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../base/clock.ts";
import { seededRandom } from "../../base/random.ts";
import { balanceNames, type BalanceOptions } from "../balance-options.ts";
import { describeBalance } from "../balance-key.ts";
import type { Balancer } from "./balancer.ts";
import { createBalancer } from "./create-balancer.ts";
import { candidates, hint, TestCandidate, TestShared } from "./testing/candidates.ts";

const hashes: BalanceOptions[] = [
  { ringHash: { key: "clientIp", balanceFactor: 0 } },
  { ringHash: { key: "clientIp", balanceFactor: 125 } },
  { maglev: { key: "clientIp" } },
];

/** How far the share of an idle endpoint may be from its weight, beside chance: a ring's is as even as its points. */
const unevenness = (options: BalanceOptions): number =>
  typeof options === "object" && "ringHash" in options ? 0.25 : 0;

for (const options of [...balanceNames, ...hashes]) {
  const bound =
    typeof options === "object" && "ringHash" in options && options.ringHash.balanceFactor > 0 ? ", bounded" : "";
  const name = describeBalance(options) + bound;
  const open = (members: readonly TestCandidate[], shared = new TestShared()): Balancer<TestCandidate> =>
    createBalancer(options, members, { shared, random: seededRandom(1), clock: new ManualClock() });
  let nextKey = 0;
  /** A key that was not used before, so that hashing spreads too. */
  const freshKey = (): string => `10.0.${nextKey >> 8}.${nextKey++ & 255}`;
  const count = (
    balancer: Balancer<TestCandidate>,
    picks: number,
    tried: readonly TestCandidate[] = [],
  ): Map<string, number> => {
    const counts = new Map<string, number>();
    for (let pick = 0; pick < picks; pick++) {
      const picked = balancer.pick(hint(tried, freshKey()))?.name ?? "nobody";
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    return counts;
  };

  test(`${name}: nobody to pick is null`, () => {
    assert.equal(open([]).pick(hint()), null);
    assert.equal(open(candidates(0, 0)).pick(hint([], "key")), null);
    const unavailable = candidates(1, 1);
    for (const candidate of unavailable) candidate.isAvailable = false;
    assert.equal(open(unavailable).pick(hint([], "key")), null);
  });

  test(`${name}: a single endpoint gets everything, with and without a key`, () => {
    const [only] = candidates(3);
    const balancer = open([only!]);
    for (const key of ["10.0.0.1", null, ""]) assert.equal(balancer.pick(hint([], key)), only);
  });

  test(`${name}: everybody available with a weight is used, nobody else`, () => {
    const members = candidates(1, 2, 0, 1, 1);
    members[3]!.isAvailable = false;
    // Load follows the picks, as it does in life.
    const balancer = open(members);
    const used = new Set<string>();
    for (let pick = 0; pick < 200; pick++) {
      const picked = balancer.pick(hint([], freshKey()))!;
      picked.inFlight++;
      used.add(picked.name);
    }
    assert.deepEqual([...used].sort(), ["a", "b", "e"]);
  });

  test(`${name}: backups serve only while no primary is available, and retries when all primaries were tried`, () => {
    const shared = new TestShared();
    const [primary, other, backup, last] = [
      new TestCandidate("primary"),
      new TestCandidate("other"),
      new TestCandidate("backup", 1, 1),
      new TestCandidate("last", 1, 2),
    ];
    const balancer = open([last, backup, primary, other], shared);
    assert.deepEqual(
      [...count(balancer, 50).keys()].sort().filter((picked) => picked !== "other" && picked !== "primary"),
      [],
    );
    assert.equal(balancer.pick(hint([primary, other], "key")), backup);
    assert.equal(balancer.pick(hint([backup, primary, other], "key")), last);
    primary.isAvailable = false;
    other.weight = 0;
    shared.epoch++;
    assert.deepEqual([...count(balancer, 50).keys()], ["backup"]);
    backup.isAvailable = false;
    shared.epoch++;
    assert.deepEqual([...count(balancer, 50).keys()], ["last"]);
    primary.isAvailable = true;
    shared.epoch++;
    assert.deepEqual([...count(balancer, 50).keys()], ["primary"]);
  });

  test(`${name}: what was tried is not picked again, and null when all were`, () => {
    const members = candidates(3, 1, 1);
    const balancer = open(members);
    const [a, b, c] = members as [TestCandidate, TestCandidate, TestCandidate];
    assert.deepEqual([...count(balancer, 50, [a, c]).keys()], ["b"]);
    assert.deepEqual([...count(balancer, 50, [a, b, c]).keys()], ["nobody"]);
    assert.deepEqual(
      [balancer.hasOther([], a), balancer.hasOther([a], b), balancer.hasOther([a, b], c), open([a]).hasOther([], a)],
      [true, true, false, false],
    );
    for (const key of ["key", null]) {
      const picked = balancer.pick(hint([b], key));
      assert.ok(picked === a || picked === c);
    }
  });

  test(`${name}: a change counts from the moment that the epoch moves`, () => {
    const shared = new TestShared();
    const members = candidates(1, 1);
    const balancer = open(members, shared);
    members[0]!.isAvailable = false;
    shared.epoch++;
    assert.deepEqual([...count(balancer, 20).keys()], ["b"]);
    members[0]!.isAvailable = true;
    members[1]!.weight = 0;
    shared.epoch = -2_147_483_648;
    assert.deepEqual([...count(balancer, 20).keys()], ["a"]);
  });

  // Between idle endpoints the one with the most weight has the least load per weight.
  if (options !== "least-connections") {
    test(`${name}: idle endpoints are used in proportion to their weights`, () => {
      const picks = 20_000;
      for (const weights of [
        [1, 1, 1],
        [5, 1, 1],
        [1, 2, 3, 4],
        [100, 1],
      ]) {
        const total = weights.reduce((sum, weight) => sum + weight);
        const counts = count(open(candidates(...weights)), picks);
        weights.forEach((weight, index) => {
          const expected = (picks * weight) / total;
          const share = counts.get(String.fromCharCode(97 + index)) ?? 0;
          // Four standard deviations of a binomial count.
          const tolerance = 4 * Math.sqrt(expected * (1 - weight / total)) + unevenness(options) * expected;
          assert.ok(
            Math.abs(share - expected) < tolerance,
            `weights ${weights}: ${share} instead of ${expected} of ${picks}`,
          );
        });
      }
    });
  }

  test(`${name}: for any pool and any history, a pick is open, available, weighted and of the best group there is`, () => {
    const pool = fc.array(
      fc.record({
        weight: fc.constantFrom(0, 1, 2, 7, 65_535),
        priority: fc.constantFrom(0, 1),
        isAvailable: fc.boolean(),
        inFlight: fc.nat(5),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(pool, fc.array(fc.nat(7), { maxLength: 4 }), fc.option(fc.string()), (specs, triedIndexes, key) => {
        const members = specs.map((spec, index) =>
          Object.assign(new TestCandidate(String(index), spec.weight, spec.priority), {
            isAvailable: spec.isAvailable,
            inFlight: spec.inFlight,
          }),
        );
        const tried = triedIndexes.flatMap((index) => members[index] ?? []);
        const open_ = members.filter((member) => member.isAvailable && member.weight > 0 && !tried.includes(member));
        const bestPriority = Math.min(...open_.map((member) => member.priority));
        const balancer = open(members);
        for (let round = 0; round < 5; round++) {
          const picked = balancer.pick(hint(tried, key));
          if (open_.length === 0) assert.equal(picked, null);
          else assert.ok(picked !== null && open_.includes(picked) && picked.priority === bestPriority);
        }
      }),
      { numRuns: 200, seed: 1 },
    );
  });
}
