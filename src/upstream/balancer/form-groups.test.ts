import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formGroups, type GroupPolicy, plainPolicy } from "./form-groups.ts";
import { TestCandidate } from "./testing/candidates.ts";

const policy = (more: Partial<GroupPolicy>): GroupPolicy => ({ ...plainPolicy, ...more });

/**
 * Endpoints by a word each: `up`, `ill` (fails checks but answers), `dead` (does not answer), `drained`, `out`
 * (ejected, and nothing else); a capital letter first for a backup; `@zone` behind.
 */
function pool(text: string): TestCandidate[] {
  return text.split(" ").map((word, index) => {
    const [state = "", zone] = word.split("@");
    const candidate = new TestCandidate(String.fromCharCode(97 + index), 1, /^[A-Z]/.test(state) ? 1 : 0);
    candidate.zone = zone ?? null;
    const kind = state.toLowerCase();
    candidate.isAvailable = kind === "up";
    candidate.isAnswering = kind !== "dead";
    candidate.isWanted = kind !== "drained";
    candidate.isOnlyEjected = kind === "out";
    return candidate;
  });
}

const shown = (candidates: readonly TestCandidate[], more: Partial<GroupPolicy>, nowMs = 0): string =>
  formGroups(candidates, policy(more), nowMs)
    .groups.map((group) => group.members.map((member) => member.name).join(""))
    .join(" ");

const panicCases: [endpoints: string, threshold: number, groups: string, isPanicking: boolean, why: string][] = [
  ["up up up ill", 0.5, "abc", false, "three of four are enough"],
  ["up up ill ill", 0.5, "ab", false, "half is enough"],
  ["up ill ill ill", 0.5, "abcd", true, "one of four is too few"],
  ["up ill ill dead", 0.5, "abc", true, "who does not answer is left out"],
  ["up dead dead dead", 0.5, "a", false, "there is nobody to fall back on"],
  ["ill ill ill ill", 0.5, "abcd", true, "nobody passes, all answer: the check is doubted"],
  ["dead dead dead dead", 0.5, "", false, "nobody answers: that is believed"],
  ["up ill ill ill", 0, "a", false, "panic is off"],
  ["up up up ill", 1, "abcd", true, "everybody must be available"],
  ["up ill ill", 0.5, "a", false, "three are too few to doubt the checks"],
  ["ill ill ill", 0.5, "", false, "whoever they are"],
  ["ill", 0.5, "", false, "a single one may say that it wants no traffic"],
  ["up drained drained drained drained", 0.5, "a", false, "who is drained does not count and is not called back"],
  ["up ill drained ill ill", 0.5, "abde", true, "nor does panic undrain"],
  ["ill ill ill Up Up", 0.5, "de", false, "backups that are well spare the primaries the panic"],
  ["up ill ill Up Up", 0.5, "a de", false, "enough of all are available"],
  ["up ill ill Ill Ill", 0.5, "abc", true, "backups that are ill too do not"],
  ["ill ill Ill Up Ill Ill", 0.5, "cdef", true, "panic strikes the group that serves"],
];

for (const [endpoints, panicThreshold, groups, isPanicking, why] of panicCases) {
  test(`panic below ${panicThreshold}: ${endpoints}: ${why}`, () => {
    assert.equal(shown(pool(endpoints), { panicThreshold }), groups);
    assert.equal(formGroups(pool(endpoints), policy({ panicThreshold }), 0).isPanicking, isPanicking);
  });
}

const ejectionCases: [endpoints: string, groups: string, why: string][] = [
  ["up out", "a", "others are preferred"],
  ["drained out", "b", "the other is drained: an ejected endpoint is better than none"],
  ["ill out dead", "b", "the others fail their checks"],
  ["out", "a", "there is nobody else"],
  ["out Up", "b", "backups that are well come before"],
  ["out ill Out Ill", "a c", "by priority, as ever"],
  ["ill dead", "", "who fails checks is not ejected only"],
];

for (const [endpoints, groups, why] of ejectionCases) {
  test(`ejected endpoints: ${endpoints}: ${why}`, () => assert.equal(shown(pool(endpoints), {}), groups));
}

test("an ejected endpoint is used if the others have no weight", () => {
  const endpoints = pool("up out");
  endpoints[0]!.weight = 0;
  assert.equal(shown(endpoints, {}), "b");
});

const zoneCases: [endpoints: string, threshold: number, groups: string, why: string][] = [
  ["up@x up@y up@x up", 0.7, "ac bd", "the own zone first, then the others"],
  ["up@y up@z", 0.7, "ab", "nobody is in the zone"],
  ["up@x ill@x up@y", 0.7, "ac", "too few of the zone are available: all share"],
  ["up@x ill@x up@y", 0.5, "a c", "enough are"],
  ["up@x ill@x ill@x up@y", 0, "a d", "one is enough"],
  ["ill@x up@y", 0, "b", "none is not"],
  ["up@x drained@x up@y", 0.7, "a c", "who is drained does not count"],
  ["up@x up@y Up@x Up@y", 0.7, "a b c d", "backups come after all primaries, of any zone"],
];

for (const [endpoints, zoneThreshold, groups, why] of zoneCases) {
  test(`zone x, ${zoneThreshold} of it: ${endpoints}: ${why}`, () =>
    assert.equal(shown(pool(endpoints), { zone: "x", zoneThreshold }), groups));
}

test("zones go by weight, and do not matter to an instance that has none, nor in a panic", () => {
  const endpoints = pool("up@x ill@x up@y");
  endpoints[0]!.weight = 9;
  assert.equal(shown(endpoints, { zone: "x", zoneThreshold: 0.7 }), "a c");
  assert.equal(shown(endpoints, {}), "ac");
  assert.equal(shown(pool("up@x ill@y ill@y ill@y"), { zone: "x", zoneThreshold: 0.7, panicThreshold: 0.5 }), "abcd");
});

test("an endpoint that came back rises in even steps from a tenth of its weight", () => {
  const endpoints = pool("up up");
  endpoints[1]!.weight = 3;
  endpoints[1]!.returnedMs = 1_000;
  const at = (nowMs: number): readonly number[] =>
    formGroups(endpoints, policy({ slowStartMs: 10_000 }), nowMs).groups[0]!.weights;
  const parts: [afterMs: number, part: number][] = [
    [0, 0.1],
    [999, 0.1],
    [1_499, 0.1],
    [1_500, 0.15],
    [5_000, 0.5],
    [7_777, 0.75],
    [9_999, 0.95],
  ];
  for (const [afterMs, part] of parts) assert.deepEqual(at(1_000 + afterMs), [20, 60 * part], `after ${afterMs} ms`);
  assert.deepEqual(at(11_000), [1, 3], "it has arrived");
  assert.deepEqual(at(900), [20, 6], "another thread's clock may be a little behind");
});

test("the weights are formed again at each step, and no more after the last", () => {
  const endpoints = pool("up up");
  endpoints[1]!.returnedMs = 1_000;
  const changesAt = (nowMs: number): number =>
    formGroups(endpoints, policy({ slowStartMs: 10_000 }), nowMs).changesAtMs;
  assert.equal(changesAt(1_000), 2_500);
  assert.equal(changesAt(2_500), 3_000);
  assert.equal(changesAt(10_900), 11_000);
  assert.equal(changesAt(11_000), Infinity);
});

test("nobody starts slowly if everybody is new, if slow start is off, or since the start of the process", () => {
  const all = pool("up up");
  for (const endpoint of all) endpoint.returnedMs = 1_000;
  const weights = (endpoints: readonly TestCandidate[], slowStartMs: number): readonly number[] =>
    formGroups(endpoints, policy({ slowStartMs }), 2_000).groups[0]!.weights;
  assert.deepEqual(weights(all, 10_000), [1, 1]);
  assert.equal(
    formGroups(all, policy({ slowStartMs: 10_000 }), 2_000).changesAtMs,
    11_000,
    "the first that is new no more makes the others slow",
  );
  assert.deepEqual(weights([all[0]!], 10_000), [1]);
  assert.deepEqual(weights(pool("up up"), 10_000), [1, 1]);
  all[0]!.returnedMs = 0;
  assert.deepEqual(weights(all, 0), [1, 1]);
});

test("for any pool, groups are in order, without repetition, and hold everybody who is available", () => {
  const endpoint = fc.record({
    weight: fc.nat(2),
    priority: fc.nat(2),
    isAvailable: fc.boolean(),
    isAnswering: fc.boolean(),
    isWanted: fc.boolean(),
    zone: fc.constantFrom(null, "x", "y"),
    returnedMs: fc.constantFrom(0, 500),
  });
  const someOf = fc.constantFrom(0, 0.3, 0.5, 1);
  fc.assert(
    fc.property(
      fc.array(endpoint, { maxLength: 8 }),
      fc.constantFrom(null, "x"),
      someOf,
      someOf,
      (specs, zone, zoneThreshold, panicThreshold) => {
        // Whoever is taken out of service, or does not answer, is not available: the states are made so.
        const endpoints = specs.map((spec, index) =>
          Object.assign(new TestCandidate(String(index), spec.weight, spec.priority), {
            ...spec,
            isAvailable: spec.isAvailable && spec.isWanted,
          }),
        );
        const { groups, isPanicking } = formGroups(
          endpoints,
          { zone, zoneThreshold, panicThreshold, slowStartMs: 1_000 },
          600,
        );
        const members = groups.flatMap((group) => group.members);
        assert.equal(new Set(members).size, members.length);
        assert.ok(endpoints.every((one) => members.includes(one) || !one.isAvailable || one.weight === 0));
        assert.ok(
          members.every(
            (one) => one.isWanted && one.weight > 0 && (one.isAvailable || (isPanicking && one.isAnswering)),
          ),
        );
        assert.ok(
          groups.every(
            (group) =>
              group.members.length > 0 &&
              group.weights.length === group.members.length &&
              group.weights.every((weight) => Number.isInteger(weight) && weight > 0),
          ),
        );
        const priorities = groups.map((group) => group.members[0]!.priority);
        assert.deepEqual(priorities, [...priorities].sort());
        assert.ok(
          groups.every((group) => group.members.every((member) => member.priority === group.members[0]!.priority)),
        );
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});
