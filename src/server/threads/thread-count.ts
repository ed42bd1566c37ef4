/** How many proxy threads a configuration means on this machine. */
import { availableParallelism } from "node:os";
import { canSharePorts } from "../../net/shared-ports.ts";

/** @param workers as configured. @returns 0 = none, the control thread does the work; at most 1 where a port cannot be shared */
export function decideThreadCount(workers: number | "auto", platform: NodeJS.Platform = process.platform): number {
  const wanted = workers === "auto" ? availableParallelism() : workers;
  return canSharePorts(platform) ? wanted : Math.min(wanted, 1);
}
