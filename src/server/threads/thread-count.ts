/** How many proxy threads a configuration means on this machine. */
import { availableParallelism } from "node:os";
import { canSharePorts } from "../../net/shared-ports.ts";
import { readCpuQuota } from "./cpu-quota.ts";

/**
 * Decides how many proxy threads there are.
 * @param workers as configured; `auto` is one thread a processor, and no more than the CPU quota of the control groups
 * rounded up: beyond it threads only get in each other's way
 * @returns 0 = none, the control thread does the work; at most 1 if a port cannot be shared
 */
export function decideThreadCount(
  workers: number | "auto",
  platform: NodeJS.Platform = process.platform,
  quota: () => number = readCpuQuota,
): number {
  const wanted = workers === "auto" ? Math.min(availableParallelism(), Math.max(1, Math.ceil(quota()))) : workers;
  return canSharePorts(platform) ? wanted : Math.min(wanted, 1);
}
