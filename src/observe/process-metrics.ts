/** What the process as a whole uses, under the names that every Prometheus client library gives them. */
import { readdirSync, readFileSync } from "node:fs";
import { version } from "../base/version.ts";
import { families } from "./families.ts";
import type { MetricCollector } from "./metric-reader.ts";

/** The limit is read once: it practically never changes, and the others are read at every scrape. */
let maxFds: number | null | undefined;

/**
 * Adds process metrics and the build's versions at the time of reading; on other systems than Linux, those of
 * descriptors are left out.
 */
export const collectProcessMetrics: MetricCollector = (add) => {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  add(families.buildInfo, [version, process.versions.node], 1);
  add(families.processCpu, [], (cpu.user + cpu.system) / 1e6);
  add(families.processStart, [], Math.round(Date.now() - process.uptime() * 1000) / 1000);
  add(families.processResidentMemory, [], memory.rss);
  add(families.heapUsed, [], memory.heapUsed);
  add(families.heapTotal, [], memory.heapTotal);
  add(families.externalMemory, [], memory.external);
  const openFds = countOpenFds();
  if (openFds !== null) add(families.processOpenFds, [], openFds);
  maxFds ??= readMaxFds();
  if (maxFds !== null) add(families.processMaxFds, [], maxFds);
};

function countOpenFds(): number | null {
  try {
    // One of them is the directory itself, open while it is listed.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

function readMaxFds(): number | null {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}
