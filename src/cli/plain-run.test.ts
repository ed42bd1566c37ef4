import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlainRun } from "./plain-run.ts";

for (const [args, request] of [
  [["run"], { file: undefined, isWatched: true }],
  [["run", "a.yaml"], { file: "a.yaml", isWatched: true }],
  [["run", "--no-watch"], { file: undefined, isWatched: false }],
  [["run", "--no-watch", "a.yaml"], { file: "a.yaml", isWatched: false }],
  [["run", "a.yaml", "--no-watch"], { file: "a.yaml", isWatched: false }],
  [[], null],
  [["check", "a.yaml"], null],
  [["run", "--help"], null],
  [["run", "-h"], null],
  [["run", "--watch"], null],
  [["run", "--no-watc"], null],
  [["run", ""], null],
  [["run", "a.yaml", "b.yaml"], null],
  [["run", "--", "a.yaml"], null],
  [["--version"], null],
] as const) {
  test(`\`${["millrace", ...args].join(" ")}\` is ${request === null ? "for the library" : "read plainly"}`, () => {
    assert.deepEqual(parsePlainRun(args), request);
  });
}
