import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HealthJudge } from "./health-judge.ts";

const cases: [name: string, rise: number, fall: number, results: string, verdicts: string][] = [
  ["the first success decides at once", 2, 3, "+", "H"],
  ["the first failure decides at once", 2, 3, "-", "U"],
  ["it takes fall failures in a row to fall", 2, 3, "+---", "HHHU"],
  ["a success in between starts the count anew", 2, 3, "+--+---", "HHHHHHU"],
  ["it takes rise successes in a row to rise", 2, 3, "-++", "UUH"],
  ["a failure in between starts that count anew", 3, 1, "-++-+++", "UUUUUUH"],
  ["with 1 and 1 every result decides", 1, 1, "+-+-", "HUHU"],
];

for (const [name, rise, fall, results, verdicts] of cases) {
  test(name, () => {
    const judge = new HealthJudge();
    assert.equal(judge.isHealthy, null);
    assert.equal(
      [...results].map((result) => (judge.judge(result === "+", { rise, fall }) ? "H" : "U")).join(""),
      verdicts,
    );
    assert.equal(judge.isHealthy, verdicts.endsWith("H"));
  });
}

test("it wavers exactly while results contradict the verdict", () => {
  const judge = new HealthJudge();
  const wavering = [..."+--+---+-++"].map((result) => {
    judge.judge(result === "+", { rise: 2, fall: 3 });
    return judge.isWavering ? "w" : ".";
  });
  assert.equal(wavering.join(""), ".ww.ww.w.w.");
});

test("whatever the results, a verdict changes only with the last rise or fall results all against it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      (results, rise, fall) => {
        const judge = new HealthJudge();
        let verdict = judge.judge(results[0]!, { rise, fall });
        for (let index = 1; index < results.length; index++) {
          const next = judge.judge(results[index]!, { rise, fall });
          const needed = verdict ? fall : rise;
          const lastOnes = results.slice(Math.max(0, index + 1 - needed), index + 1);
          if (next !== verdict) assert.ok(lastOnes.length === needed && lastOnes.every((result) => result === next));
          verdict = next;
        }
      },
    ),
    { seed: 1 },
  );
});
