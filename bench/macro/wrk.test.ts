import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReport } from "./wrk.ts";

const line =
  '@{"requests":1000,"durationUs":2000000,"p50Us":800,"p99Us":2900,"connect":1,"read":2,"write":3,"status":4,"timeout":5}';

test("the report line is found among wrk's own output", () => {
  const report = parseReport(`Running 2s test @ http://127.0.0.1:1/small\n  1 threads and 64 connections\n${line}\n`);
  assert.deepEqual(report, { requests: 1000, durationUs: 2_000_000, p50Us: 800, p99Us: 2900, errors: 15 });
});

test("output without a report is an error that shows the output", () => {
  assert.throws(() => parseReport("unable to connect"), /unable to connect/);
});
