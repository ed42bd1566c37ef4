import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Balancer } from "./balancer.ts";
import { createBalancer } from "./create-balancer.ts";
import { smoothSequence } from "./smooth-sequence.ts";
import { candidates, hint, type TestCandidate, TestShared } from "./testing/candidates.ts";

const picks = (balancer: Balancer<TestCandidate>, count: number, tried: readonly TestCandidate[] = []): string =>
  Array.from({ length: count }, () => balancer.pick(hint(tried))?.name).join("");

test("weights interleave as in nginx, and reduce by their common divisor", () => {
  const cases: [weights: number[], sequence: string][] = [
    [[1], "a"],
    [[1, 1, 1], "abc"],
    [[7, 7, 7], "abc"],
    [[5, 1, 1], "aabacaa"],
    [[50, 10, 10], "aabacaa"],
    [[2, 1], "aba"],
    [[1, 2, 3], "cbacbc"],
    [[4, 3], "abababa"],
  ];
  for (const [weights, sequence] of cases) {
    const found = smoothSequence(weights)!;
    assert.equal([...found].map((index) => String.fromCharCode(97 + index)).join(""), sequence, String(weights));
    const balancer = createBalancer("round-robin", candidates(...weights), { shared: new TestShared() });
    assert.equal(picks(balancer, 2 * sequence.length), sequence + sequence, String(weights));
  }
});

test("in every sequence each has its exact share, and is never far from it on the way", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }), (weights) => {
      const sequence = smoothSequence(weights)!;
      const total = weights.reduce((sum, weight) => sum + weight);
      const counts = new Array<number>(weights.length).fill(0);
      sequence.forEach((chosen, step) => {
        counts[chosen]! += 1;
        weights.forEach((weight, index) =>
          assert.ok(Math.abs(counts[index]! - ((step + 1) * weight) / total) <= weights.length),
        );
      });
      weights.forEach((weight, index) => assert.equal(counts[index]! * total, weight * sequence.length));
    }),
    { numRuns: 200, seed: 1 },
  );
});

test("two threads alternate: each goes on where the other stopped", () => {
  const shared = new TestShared();
  const threads = [0, 1].map(() => createBalancer("round-robin", candidates(5, 1, 1), { shared }));
  let together = "";
  for (let turn = 0; turn < 14; turn++) together += threads[turn % 2]!.pick(hint())!.name;
  assert.equal(together, "aabacaaaabacaa");
});

test("the turn of one who was tried goes to the next in the sequence", () => {
  const members = candidates(1, 1, 1);
  const balancer = createBalancer("round-robin", members, { shared: new TestShared() });
  assert.equal(picks(balancer, 6, [members[1]!]), "accacc");
});

test("weights too large for a sequence keep their exact shares, thread by thread", () => {
  const weights = [65_521, 65_519, 32_003, 3];
  assert.equal(smoothSequence(weights), null);
  const balancer = createBalancer("round-robin", candidates(...weights), { shared: new TestShared() });
  const counts = new Map<string, number>();
  const total = weights.reduce((sum, weight) => sum + weight);
  for (let turn = 0; turn < total; turn++) {
    const { name } = balancer.pick(hint())!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.deepEqual(
    ["a", "b", "c", "d"].map((name) => counts.get(name)),
    weights,
  );
});

test("a thousand equal endpoints need no computing and take turns in order", () => {
  const sequence = smoothSequence(new Array<number>(1_000).fill(3))!;
  assert.deepEqual([...sequence.slice(0, 3), sequence.length], [0, 1, 2, 1_000]);
});
