/** How many proxy threads a configuration means on this machine. */
import { availableParallelism } from "node:os";

/** Where the kernel spreads the connections of one port among several sockets (SO_REUSEPORT as Linux has it). */
const platformsThatSharePorts: ReadonlySet<NodeJS.Platform> = new Set<NodeJS.Platform>(["linux", "freebsd", "sunos", "aix"]);

/** @param workers as configured. @returns 0 = none, the control thread does the work; at most 1 where a port cannot be shared */
export function decideThreadCount(workers: number | "auto", platform: NodeJS.Platform = process.platform): number {
  const wanted = workers === "auto" ? availableParallelism() : workers;
  return platformsThatSharePorts.has(platform) ? wanted : Math.min(wanted, 1);
}
