import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { seededRandom } from "../../base/random.ts";
import { LatencyAverage } from "../latency-average.ts";
import { createBalancer } from "./create-balancer.ts";
import { candidates, hint, TestCandidate, TestShared } from "./testing/candidates.ts";

const open = (members: readonly TestCandidate[], clock = new ManualClock()) =>
  createBalancer("peak-ewma", members, { shared: new TestShared(), random: seededRandom(1), clock });

/** How many of `picks` each gets. */
function count(members: readonly TestCandidate[], picks: number): number[] {
  const balancer = open(members);
  const counts = new Map<TestCandidate | null, number>();
  for (let pick = 0; pick < picks; pick++) {
    const picked = balancer.pick(hint());
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return members.map((member) => counts.get(member) ?? 0);
}

test("of two, the one that answers sooner is picked", () => {
  const [fast, slow] = candidates(1, 1) as [TestCandidate, TestCandidate];
  fast.latencyMs = 5;
  slow.latencyMs = 50;
  assert.deepEqual(count([fast, slow], 100), [100, 0]);
});

test("load weighs against latency: nine in flight at 5 ms are as much as none at 50 ms", () => {
  const [fast, slow] = candidates(1, 1) as [TestCandidate, TestCandidate];
  fast.latencyMs = 5;
  slow.latencyMs = 50;
  fast.inFlight = 8;
  assert.deepEqual(count([fast, slow], 100), [100, 0]);
  fast.inFlight = 10;
  assert.deepEqual(count([fast, slow], 100), [0, 100]);
});

test("whoever was never measured is tried while nothing is under way there, and not overrun before the first answer", () => {
  const [known, fresh] = candidates(1, 1) as [TestCandidate, TestCandidate];
  known.latencyMs = 2;
  assert.deepEqual(count([known, fresh], 100), [0, 100]);
  fresh.inFlight = 1;
  assert.deepEqual(count([known, fresh], 100), [100, 0]);
});

test("in a pool whose endpoints differ, mean latency is well below that of taking turns", () => {
  // Endpoint i takes (i + 1) * 2 ms for each request, one after the other.
  const run = (name: "peak-ewma" | "round-robin"): number => {
    const clock = new ManualClock(10_000);
    const members = candidates(1, 1, 1, 1, 1);
    const averages = members.map(() => new LatencyAverage(new Float64Array(2)));
    members.forEach((member, index) => (member.expectedLatencyMs = () => averages[index]!.at(clock.now())));
    const balancer = createBalancer(name, members, { shared: new TestShared(), random: seededRandom(4), clock });
    const freeAtMs = members.map(() => 0);
    let pending: { endMs: number; startMs: number; index: number }[] = [];
    let total = 0;
    const requests = 4_000;
    for (let request = 0; request < requests; request++) {
      clock.advance(1.6);
      const nowMs = clock.now();
      for (const done of pending.filter(({ endMs }) => endMs <= nowMs)) {
        members[done.index]!.inFlight--;
        averages[done.index]!.observe(done.endMs - done.startMs, nowMs);
      }
      pending = pending.filter(({ endMs }) => endMs > nowMs);
      const index = members.indexOf(balancer.pick(hint())!);
      members[index]!.inFlight++;
      const endMs = Math.max(nowMs, freeAtMs[index]!) + (index + 1) * 2;
      freeAtMs[index] = endMs;
      pending.push({ endMs, startMs: nowMs, index });
      total += endMs - nowMs;
    }
    return total / requests;
  };
  const [least, turns] = [run("peak-ewma"), run("round-robin")];
  assert.ok(least < turns / 2, `${least} ms against ${turns} ms`);
});

test("an endpoint that stalls gets next to nothing, and is tried again when its average has faded", () => {
  const clock = new ManualClock(10_000);
  const members = candidates(1, 1, 1);
  const averages = members.map(() => new LatencyAverage(new Float64Array(2)));
  members.forEach((member, index) => (member.expectedLatencyMs = () => averages[index]!.at(clock.now())));
  const balancer = open(members, clock);
  const stalled = members[1]!;
  const serve = (requests: number, latencyOf: (member: TestCandidate) => number): number => {
    let stalls = 0;
    for (let request = 0; request < requests; request++) {
      const picked = balancer.pick(hint())!;
      if (picked === stalled) stalls++;
      clock.advance(1);
      averages[members.indexOf(picked)]!.observe(latencyOf(picked), clock.now());
    }
    return stalls;
  };
  assert.ok(serve(300, () => 2) > 50);
  const duringStall = serve(10_000, (member) => (member === stalled ? 2_000 : 2));
  assert.ok(duringStall <= 2, `${duringStall} requests met the stall`);
  assert.ok(serve(100_000, () => 2) >= 1, "it is tried again");
  assert.ok(averages[1]!.at(clock.now()) < 4, "and found to be well");
});
