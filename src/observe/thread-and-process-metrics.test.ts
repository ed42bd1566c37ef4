import assert from "node:assert/strict";
import { test } from "node:test";
import { EventLoopLag } from "./event-loop-lag.ts";
import { families } from "./families.ts";
import { MetricReader } from "./metric-reader.ts";
import { MetricWriter } from "./metric-writer.ts";
import { collectProcessMetrics } from "./process-metrics.ts";

test("a loop that stands still shows as lag and utilization, and both end with the watcher", async () => {
  const reader = new MetricReader();
  const lag = new EventLoopLag({
    writer: new MetricWriter({ onPage: (page) => reader.addPage("a", page) }),
    workerName: "0",
  });
  // The monitor needs two turns of its own timer around the stall to see it.
  await new Promise((resolve) => setTimeout(resolve, 60));
  const until = performance.now() + 150;
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 60));
  lag.update();
  const seconds = reader.total(families.eventLoopLag)[0] ?? 0;
  assert.ok(seconds > 0.05 && seconds < 60, `${seconds} s`);
  const utilization = reader.total(families.eventLoopUtilization)[0] ?? 0;
  // How much of the time it is depends on how long a busy machine lets the timers wait.
  assert.ok(utilization > 0 && utilization <= 1, `${utilization}`);
  lag.close();
  assert.equal(reader.total(families.eventLoopLag)[0], 0);
});

test("process metrics are there and plausible", { skip: process.platform !== "linux" }, () => {
  const values = new Map<string, number>();
  collectProcessMetrics((family, _labels, value) => values.set(family.name, value));
  const value = (name: string): number => values.get(name) ?? Number.NaN;
  assert.ok(value("process_cpu_seconds_total") > 0);
  assert.ok(value("process_resident_memory_bytes") > 10e6);
  assert.ok(Math.abs(value("process_start_time_seconds") - Date.now() / 1000) < 600);
  assert.ok(value("process_open_fds") > 3 && value("process_open_fds") < value("process_max_fds"));
  assert.equal(value("millrace_build_info"), 1);
});
