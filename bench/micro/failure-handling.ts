/**
 * What retries, outlier detection, the breaker and the limits cost a request that meets no failure: nanoseconds
 * (budget: all together well below 2 µs, with the rate limit). Run: node bench/micro/failure-handling.ts
 */
import { sharedClock } from "../../src/base/shared-clock.ts";
import { SharedMemory } from "../../src/base/shared-memory.ts";
import { beginAttempt, endAttempt } from "../../src/forward/attempt-watch.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { MetricWriter } from "../../src/observe/metric-writer.ts";
import { EndpointState } from "../../src/upstream/endpoint-state.ts";
import { Endpoint } from "../../src/upstream/endpoint.ts";
import type { UpstreamOptions } from "../../src/upstream/options.ts";
import { createPolicies } from "../../src/upstream/policies.ts";
import type { Transport } from "../../src/upstream/transport.ts";
import { UpstreamState } from "../../src/upstream/upstream-state.ts";

const stripes = 2;
const outlier = {
  consecutiveErrors: 5,
  ejection: 10_000,
  maxEjection: 300_000,
  maxEjectedPercent: 50,
  statuses: [502, 503, 504],
};
const breaker = { errorPercent: 50, minRequests: 20, window: 10_000, latency: 0, open: 10_000, ramp: 10_000 };
const limits = { maxRequests: 0, maxRequestsPerEndpoint: 0, maxPending: 1_024, pendingTimeout: 5_000, adaptive: null };
const nothing: Partial<UpstreamOptions> = {
  retry: { attempts: 0, on: [], budgetPercent: 20, perTryTimeout: 0 },
  hedge: null,
  outlier: null,
  breaker: null,
  limits,
};
const retry = { attempts: 2, on: [], budgetPercent: 20, perTryTimeout: 0 };

function measure(name: string, options: Partial<UpstreamOptions>): void {
  const memory = new SharedMemory();
  const state = UpstreamState.open(memory, "api");
  const endpoints = [1, 2, 3].map((port) => {
    const url = `http://127.0.0.1:${port}`;
    return new Endpoint(
      { url, host: "127.0.0.1", port, socketPath: null, weight: 1, isBackup: false, zone: null },
      EndpointState.open(memory, { upstreamName: "api", url, stripeIndex: 0, stripes, upstream: state }),
      {} as Transport,
    );
  });
  const policies = createPolicies({
    upstreamName: "api",
    options: { ...nothing, ...options } as UpstreamOptions,
    endpoints,
    memory,
    stripeIndex: 0,
    stripes,
    metrics: new MetricWriter({ onPage: () => {} }),
    logger: silentLogger,
    clock: sharedClock,
    previous: null,
  });
  const { breaker: gate, retryBudget, saturation } = policies;
  let passed = 0;
  const run = (count: number): void => {
    for (let at = 0; at < count; at++) {
      const endpoint = endpoints[at % 3]!;
      if (gate !== null && !gate.admit()) continue;
      retryBudget?.noteRequest();
      if (
        saturation !== null &&
        (!saturation.isQueueEmpty || !saturation.enter() || !saturation.enterEndpoint(endpoint))
      )
        continue;
      beginAttempt(endpoint, policies);
      endAttempt(endpoint, policies, "answered", 200, 1);
      saturation?.leave();
      passed++;
    }
  };
  run(300_000);
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    run(300_000);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 300_000);
  }
  if (passed !== 1_800_000) throw new Error("not everything passed");
  console.log(`${name.padEnd(40)} ${best.toFixed(1).padStart(8)} ns`);
}

measure("counting in flight only", {});
measure("with retries", { retry });
measure("with outlier detection", { outlier });
measure("with a breaker", { breaker });
measure("with all three", { retry, outlier, breaker });
measure("with limits of both kinds", { limits: { ...limits, maxRequests: 100, maxRequestsPerEndpoint: 50 } });
