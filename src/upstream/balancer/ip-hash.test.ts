import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { createBalancer } from "./create-balancer.ts";
import { hint, TestCandidate, TestShared } from "./testing/candidates.ts";

const keys = Array.from({ length: 5_000 }, (_, index) => `192.168.${index >> 8}.${index & 255}`);
const pool = (count: number, weight = (_index: number): number => 1): TestCandidate[] =>
  Array.from({ length: count }, (_, index) => new TestCandidate(`http://10.0.0.${index}:80`, weight(index)));

/** Who has which key. */
function assign(members: readonly TestCandidate[]): string[] {
  const balancer = createBalancer("ip-hash", members, { shared: new TestShared(), random: seededRandom(1) });
  return keys.map((key) => balancer.pick(hint([], key))!.name);
}

test("a key stays where it is: from pick to pick, thread to thread, and whatever the order of the endpoints", () => {
  const members = pool(7);
  assert.deepEqual(assign(members), assign(pool(7)));
  assert.deepEqual(assign(members), assign([...members].reverse()));
});

for (const [name, weight] of [
  ["equal weights", () => 1],
  ["different weights", (index: number) => 1 + (index % 3)],
] as const) {
  test(`with ${name}, a lost endpoint moves its own keys only, to everybody else, and they come back`, () => {
    const members = pool(8, weight);
    const before = assign(members);
    const lost = members[3]!;
    const shared = new TestShared();
    const balancer = createBalancer("ip-hash", members, { shared, random: seededRandom(1) });
    lost.isAvailable = false;
    shared.epoch++;
    const during = keys.map((key) => balancer.pick(hint([], key))!.name);
    const movedTo = new Set<string>();
    keys.forEach((_, index) => {
      if (before[index] === lost.name) movedTo.add(during[index]!);
      else assert.equal(during[index], before[index]);
    });
    assert.equal(movedTo.size, 7);
    lost.isAvailable = true;
    shared.epoch++;
    assert.deepEqual(
      keys.map((key) => balancer.pick(hint([], key))!.name),
      before,
    );
  });
}

test("a retry goes where the key would live without the endpoint that was tried", () => {
  const members = pool(5);
  const balancer = createBalancer("ip-hash", members, { shared: new TestShared(), random: seededRandom(1) });
  for (const key of keys.slice(0, 200)) {
    const first = balancer.pick(hint([], key))!;
    const second = balancer.pick(hint([first], key))!;
    const without = createBalancer(
      "ip-hash",
      members.filter((member) => member !== first),
      { shared: new TestShared() },
    );
    assert.equal(second, without.pick(hint([], key)));
  }
});

test("requests without a key spread over everybody", () => {
  const members = pool(4);
  const balancer = createBalancer("ip-hash", members, { shared: new TestShared(), random: seededRandom(1) });
  const used = new Set(Array.from({ length: 200 }, () => balancer.pick(hint())!.name));
  assert.equal(used.size, 4);
});
