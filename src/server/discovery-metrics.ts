/** How the discoveries of endpoints fare, as metrics. */
import { families } from "../observe/families.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import type { DiscoveryReport } from "../upstream/discovery/discovery-record.ts";

/** Tells of every discovery that `reports` gives when metrics are read. */
export function collectDiscovery(
  reports: () => Iterable<[upstream: string, report: DiscoveryReport]>,
): MetricCollector {
  return (add) => {
    const nowMs = Date.now();
    for (const [upstream, report] of reports()) {
      const labels = [upstream, report.kind];
      add(families.discoveryUp, labels, report.isUp ? 1 : 0);
      add(families.discoveryEndpoints, labels, report.endpoints);
      add(families.discoveryHeld, labels, report.heldBack);
      add(families.discoveryRefused, labels, report.refusedCount);
      if (report.lastSuccessWallMs !== null)
        add(families.discoveryAge, labels, Math.max(0, nowMs - report.lastSuccessWallMs) / 1000);
      for (const [result, count] of Object.entries(report.updates))
        add(families.discoveryUpdates, [upstream, report.kind, result], count);
    }
  };
}
