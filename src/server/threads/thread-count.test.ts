import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { decideThreadCount } from "./thread-count.ts";

const cases: [workers: number | "auto", platform: NodeJS.Platform, count: number, quota?: number][] = [
  ["auto", "linux", availableParallelism()],
  ["auto", "linux", 1, 0.2],
  ["auto", "linux", 1, 1],
  ["auto", "linux", Math.min(2, availableParallelism()), 1.5],
  ["auto", "linux", availableParallelism(), 1_000],
  [0, "linux", 0],
  [3, "linux", 3],
  [3, "linux", 3, 1],
  ["auto", "darwin", 1],
  [3, "win32", 1],
  [0, "darwin", 0],
];
for (const [workers, platform, count, quota = Number.POSITIVE_INFINITY] of cases) {
  test(`workers: ${workers} on ${platform} with a quota of ${quota} are ${count} threads`, () =>
    assert.equal(
      decideThreadCount(workers, platform, () => quota),
      count,
    ));
}
