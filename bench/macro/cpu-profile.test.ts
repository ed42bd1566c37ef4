import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuProfile, selfTimes } from "./cpu-profile.ts";

const frame = (functionName: string, url = ""): { functionName: string; url: string; lineNumber: number } => ({
  functionName,
  url,
  lineNumber: 9,
});
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("parse", "file:///somewhere/src/http1/syntax/request-parser.ts") },
    { id: 2, callFrame: frame("(idle)") },
    { id: 3, callFrame: frame("parse", "file:///somewhere/src/http1/syntax/request-parser.ts") },
    { id: 4, callFrame: frame("(garbage collector)") },
  ],
  startTime: 1000,
  samples: [1, 2, 3, 4, 1],
  timeDeltas: [0, 100, 200, 300, 50],
};

test("self time is summed by function, whatever the stack above it, and idle time left out", () => {
  assert.deepEqual(selfTimes(profile, 0, 1e9), [
    { name: "parse", place: "src/http1/syntax/request-parser.ts:10", selfUs: 400 },
    { name: "(garbage collector)", place: "", selfUs: 50 },
  ]);
});

test("samples outside the window do not count", () => {
  assert.deepEqual(
    selfTimes(profile, 1200, 1400).map(({ name, selfUs }) => [name, selfUs]),
    [["parse", 300]],
  );
});
