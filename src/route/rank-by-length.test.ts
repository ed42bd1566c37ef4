import assert from "node:assert/strict";
import { test } from "node:test";
import { noRank, RankByLength } from "./rank-by-length.ts";

test("a length without a key has no rank, and no key is better than its length says", () => {
  const keys = [
    [0, 9],
    [31, 7],
    [32, 8],
    [63, 6],
    [64, 3],
    [64, 5],
    [300, 4],
    [100, 2],
  ] as const;
  const ranks = new RankByLength();
  for (const [length, rank] of keys) ranks.note(length, rank);
  for (let length = 0; length < 400; length++) {
    const best = Math.min(noRank, ...keys.filter(([key]) => key === length).map(([, rank]) => rank));
    if (best === noRank) assert.equal(ranks.at(length), noRank, `length ${length}`);
    else assert.ok(ranks.at(length) <= best, `length ${length}`);
  }
  assert.equal(ranks.at(64), 3, "ranks of long keys are exact");
  assert.equal(ranks.at(300), 4);
  assert.deepEqual([ranks.best, ranks.maxLength], [2, 300]);
});

test("an index without keys has no rank for any length", () => {
  const ranks = new RankByLength();
  assert.deepEqual(
    [ranks.at(0), ranks.at(31), ranks.at(64), ranks.best, ranks.maxLength],
    [noRank, noRank, noRank, noRank, -1],
  );
});
