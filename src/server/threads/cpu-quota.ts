/**
 * How many processors the control groups of this process let it use (Linux): the smallest quota along the path from its
 * own group to the root, of cgroup v2 (`cpu.max`) or v1 (`cpu.cfs_quota_us` by `cpu.cfs_period_us`). In a container the
 * path often names groups that are not seen from inside: then the root of what is mounted is the container's own group.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Reads a text file; null if it cannot be read. */
export type ReadText = (path: string) => string | null;

const mount = "/sys/fs/cgroup";

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Reads the quota. @returns processors, possibly a fraction; infinite if there is no quota */
export function readCpuQuota(read: ReadText = readText): number {
  const lines = (read("/proc/self/cgroup") ?? "").split("\n").map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  let quota = Number.POSITIVE_INFINITY;
  for (const match of lines) {
    const [, controllers = "", path = "/"] = match ?? [];
    if (match === null) continue;
    if (controllers === "")
      quota = Math.min(quota, ...groupsOf(path).map((group) => quotaV2(read(join(mount, group, "cpu.max")))));
    else if (controllers.split(",").includes("cpu")) {
      for (const root of [join(mount, "cpu"), join(mount, controllers)])
        quota = Math.min(quota, ...groupsOf(path).map((group) => quotaV1(read, join(root, group))));
    }
  }
  return quota;
}

/** `/a/b` is in `/a/b`, `/a` and `/`. Ways up, out of what is mounted, lead nowhere. */
function groupsOf(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return [...parts.map((_, at) => parts.slice(0, at + 1).join("/")), "/"];
}

/** `200000 100000`, or `max 100000`. */
function quotaV2(text: string | null): number {
  const [quota, period] = (text ?? "").trim().split(/\s+/);
  return ratio(quota, period);
}

function quotaV1(read: ReadText, folder: string): number {
  return ratio(read(join(folder, "cpu.cfs_quota_us"))?.trim(), read(join(folder, "cpu.cfs_period_us"))?.trim());
}

/** -1 and `max` are no quota. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const value = Number(quota) / Number(period);
  return Number.isFinite(value) && value > 0 ? value : Number.POSITIVE_INFINITY;
}
