import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuTime, cpuTimeBetween, memoryBytes, parseStat, processTree } from "./process-usage.ts";

const isLinux = process.platform === "linux";

test("a process name with spaces and parentheses does not shift the fields of stat", () => {
  const rest = "S 1 2 2 0 -1 4194560 1 2 3 4 70 71 72 73 20 0 11 0";
  for (const name of ["(nginx)", "(a b)", "(x) y)", "(:-) (-:)"]) {
    assert.deepEqual(parseStat(`42 ${name} ${rest}`), { utime: 70, stime: 71, cutime: 72, cstime: 73 }, name);
  }
});

test("the exact total is split into user and kernel as the ticks are", () => {
  const before = { totalUs: 100, userUs: 0, kernelUs: 0 };
  const after = { totalUs: 1100, userUs: 10_000, kernelUs: 30_000 };
  assert.deepEqual(cpuTimeBetween(before, after), { totalUs: 1000, userUs: 250, kernelUs: 750 });
});

test("a process that works uses processor time and memory", { skip: !isLinux }, () => {
  const before = cpuTime(process.pid);
  const until = performance.now() + 30;
  while (performance.now() < until);
  const spent = cpuTimeBetween(before, cpuTime(process.pid)).totalUs;
  assert.ok(spent >= 1000 && spent < 10_000_000, `${spent} µs`);
  assert.ok(memoryBytes(process.pid) > 5 * 2 ** 20);
  assert.ok(processTree(process.pid).includes(process.pid));
});

test("a process that is gone costs nothing", () => {
  assert.deepEqual(cpuTime(2 ** 30), { totalUs: 0, userUs: 0, kernelUs: 0 });
  assert.equal(memoryBytes(2 ** 30), 0);
});
