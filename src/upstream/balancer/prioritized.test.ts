import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { seededRandom } from "../../base/random.ts";
import { balanceNames } from "../balance-options.ts";
import { createBalancer } from "./create-balancer.ts";
import { plainPolicy } from "./form-groups.ts";
import { candidates, hint, type TestCandidate, TestShared } from "./testing/candidates.ts";

const picks = 4_000;

/** The part of picks that `who` gets; load stays at zero. */
function share(pick: () => TestCandidate | null, who: TestCandidate): number {
  let count = 0;
  for (let at = 0; at < picks; at++) if (pick() === who) count++;
  return count / picks;
}

for (const name of balanceNames.filter((one) => one !== "ip-hash" && one !== "least-connections")) {
  test(`${name}: an endpoint that came back gets its share little by little`, () => {
    const clock = new ManualClock(100_000);
    const shared = new TestShared();
    const members = candidates(1, 1, 1);
    const balancer = createBalancer(name, members, {
      shared,
      random: seededRandom(1),
      clock,
      policy: { ...plainPolicy, slowStartMs: 30_000 },
    });
    const newcomer = members[2]!;
    const shareNow = (): number => share(() => balancer.pick(hint()), newcomer);
    const isNear = (part: number): void => {
      const expected = part / (2 + part);
      const actual = shareNow();
      assert.ok(
        Math.abs(actual - expected) < 4 * Math.sqrt((expected * (1 - expected)) / picks),
        `${actual} instead of ${expected}`,
      );
    };
    isNear(1);
    newcomer.returnedMs = 100_000;
    shared.epoch++;
    isNear(0.1);
    clock.advance(15_000);
    isNear(0.5);
    clock.advance(9_000);
    isNear(0.8);
    clock.advance(6_000);
    isNear(1);
  });
}

test("least-connections: an endpoint that came back is given a tenth of the load at first", () => {
  const clock = new ManualClock(100_000);
  const members = candidates(1, 1);
  members[1]!.returnedMs = 100_000;
  const balancer = createBalancer("least-connections", members, {
    shared: new TestShared(),
    clock,
    policy: { ...plainPolicy, slowStartMs: 30_000 },
  });
  const fill = (): number => {
    for (const member of members) member.inFlight = 0;
    for (let at = 0; at < 110; at++) balancer.pick(hint())!.inFlight++;
    return members[1]!.inFlight;
  };
  assert.equal(fill(), 10);
  clock.advance(30_000);
  assert.equal(fill(), 55);
});

test("keys do not move while their endpoint starts slowly", () => {
  const keys = Array.from({ length: 500 }, (_, index) => `key ${index}`);
  for (const balance of [
    "ip-hash",
    { ringHash: { key: "path", balanceFactor: 0 } },
    { maglev: { key: "path" } },
  ] as const) {
    const members = candidates(1, 1, 1);
    const assign = (): (string | undefined)[] => {
      const balancer = createBalancer(balance, members, {
        shared: new TestShared(),
        clock: new ManualClock(5_000),
        policy: { ...plainPolicy, slowStartMs: 30_000 },
      });
      return keys.map((key) => balancer.pick(hint([], key))?.name);
    };
    const before = assign();
    members[1]!.returnedMs = 4_000;
    assert.deepEqual(assign(), before);
  }
});

test("with zones, the others are used when everybody in the own zone was tried, and when the own zone fails", () => {
  const shared = new TestShared();
  const members = candidates(1, 1, 1);
  const [near, far] = [members[0]!, members[1]!];
  near.zone = "x";
  far.zone = "y";
  const balancer = createBalancer("round-robin", members, {
    shared,
    policy: { ...plainPolicy, zone: "x", zoneThreshold: 0.7 },
  });
  assert.equal(
    share(() => balancer.pick(hint()), near),
    1,
  );
  assert.notEqual(balancer.pick(hint([near])), near);
  near.isAvailable = false;
  shared.epoch++;
  assert.equal(
    share(() => balancer.pick(hint()), far),
    0.5,
  );
});
