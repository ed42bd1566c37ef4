/** What a configuration says of an upstream, as its parts take it. */
import { families } from "../observe/families.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { StickyResult } from "../upstream/affinity/sticky-cookie.ts";
import type { GroupPolicy } from "../upstream/balancer/form-groups.ts";
import type { UpstreamOptions } from "../upstream/options.ts";

/** Who may be picked. @param zone where this instance runs, or null */
export function toGroupPolicy(options: UpstreamOptions, zone: string | null): GroupPolicy {
  return {
    zone,
    zoneThreshold: options.zoneThreshold,
    panicThreshold: options.panicThreshold,
    slowStartMs: options.slowStart,
  };
}

/** Counts how the answers of a sticky upstream found their clients. */
export function stickyCounter(
  upstream: string,
  options: UpstreamOptions,
  metrics: MetricWriter,
): (result: StickyResult) => void {
  if (options.sticky === null || "key" in options.sticky) return () => {};
  const counters = {
    kept: metrics.counter(families.stickyRequests, [upstream, "kept"]),
    assigned: metrics.counter(families.stickyRequests, [upstream, "assigned"]),
    moved: metrics.counter(families.stickyRequests, [upstream, "moved"]),
  };
  return (result) => counters[result].add(1);
}
