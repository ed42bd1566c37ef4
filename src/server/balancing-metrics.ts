/** What the balancers of the proxy threads go by, read from the shared table for the metrics. */
import type { Clock } from "../base/clock.ts";
import { sharedClock } from "../base/shared-clock.ts";
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import type { EndpointsOf } from "./shared-endpoints.ts";

/**
 * Tells who starts slowly and what latencies are expected, for the upstreams that go by it. @param clock default: the
 * one that threads share
 */
export function collectBalancing(
  configOf: () => Pick<Config, "upstreams">,
  endpointsOf: EndpointsOf,
  clock: Clock = sharedClock,
): MetricCollector {
  return (add) => {
    const nowMs = clock.now();
    for (const [upstream, { balance, slowStart }] of Object.entries(configOf().upstreams)) {
      for (const { spec, state } of endpointsOf(upstream)) {
        if (slowStart > 0)
          add(
            families.endpointStarting,
            [upstream, spec.url],
            state.isAdmitting && state.returnedMs > 0 && nowMs - state.returnedMs < slowStart ? 1 : 0,
          );
        if (balance === "peak-ewma")
          add(families.endpointLatency, [upstream, spec.url], state.latency.at(nowMs) / 1000);
      }
    }
  };
}
