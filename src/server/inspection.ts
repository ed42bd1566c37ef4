/** What is open in a proxy or in one of its threads, counted; for tests and the curious. */

/**
 * How many of each are open.
 *
 * @example
 * ```ts
 * import type { Inspection, Proxy } from "millrace";
 *
 * async function isQuiet(proxy: Proxy): Promise<boolean> {
 *   const { connections, exchanges }: Inspection = await proxy.inspect();
 *   return connections + exchanges === 0;
 * }
 * ```
 */
export interface Inspection {
  readonly connections: number;
  readonly exchanges: number;
  readonly upstreamConnections: number;
  readonly idleUpstreamConnections: number;
  readonly deadlines: number;
}
