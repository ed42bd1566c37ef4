import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { decideThreadCount } from "./thread-count.ts";

const cases: [workers: number | "auto", platform: NodeJS.Platform, count: number][] = [
  ["auto", "linux", availableParallelism()],
  [0, "linux", 0],
  [3, "linux", 3],
  ["auto", "darwin", 1],
  [3, "win32", 1],
  [0, "darwin", 0],
];
for (const [workers, platform, count] of cases) {
  test(`workers: ${workers} on ${platform} are ${count} threads`, () => assert.equal(decideThreadCount(workers, platform), count));
}
