/** What a configuration says of an upstream, as its parts take it. */
import { isDeepStrictEqual } from "node:util";
import { onSharedScale } from "../base/shared-clock.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import { families, noLabelValue } from "../observe/families.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { StickyResult } from "../upstream/affinity/sticky-cookie.ts";
import type { GroupPolicy } from "../upstream/balancer/form-groups.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { createPolicies, type PolicyParts } from "../upstream/policies.ts";
import { Http1Transport, type TransportContext, type TransportOptions } from "../upstream/transport/http1-transport.ts";
import type { UpstreamParts } from "../upstream/upstream.ts";
import { toEndpointSpecs } from "./endpoint-specs.ts";

/** What a proxy thread lends to its upstreams. */
export interface UpstreamContext {
  readonly config: Pick<Config, "upstreams" | "zone">;
  readonly memory: SharedMemory;
  /** Which of `stripes` threads this is. */
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly transports: TransportContext;
  readonly middlewares: Pick<PolicyParts, "memory" | "stripeIndex" | "stripes" | "metrics" | "logger">;
}

/** Who may be picked. @param zone where this instance runs, or null */
function toGroupPolicy(options: UpstreamOptions, zone: string | null): GroupPolicy {
  return {
    zone,
    zoneThreshold: options.zoneThreshold,
    panicThreshold: options.panicThreshold,
    slowStartMs: options.slowStart,
  };
}

/** Counts how the answers of a sticky upstream found their clients. */
function stickyCounter(
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

/** In a function of its own: transports outlive the upstream that has opened them, and must not hold its parts. */
function countingTls(context: TransportContext, upstream: string, metrics: MetricWriter): TransportContext {
  return {
    ...context,
    onHandshake: ({ protocol, result }) => {
      const version = protocol?.replace("TLSv", "") ?? noLabelValue;
      metrics.counter(families.upstreamTlsHandshakes, [upstream, version, result]).add(1);
    },
    onFlood: () => metrics.counter(families.upstreamTlsFloods, [upstream]).add(1),
  };
}

/** Tunnels such as WebSocket connections, event streams and gRPC may be silent for an hour. */
const longIdleMs = 3_600_000;

/**
 * What the upstream `name` is made from. Nothing here may reach the upstream before it, which must not live as long as
 * the new one.
 */
export function toUpstreamParts(name: string, options: UpstreamOptions, parts: UpstreamContext): UpstreamParts {
  const transportOptions: TransportOptions = {
    maxIdle: options.pool.maxIdle,
    idleTimeout: options.pool.idleTimeout,
    pipelining: options.pool.pipelining,
    isLenient: options.lenient,
    proxyProtocol: options.proxyProtocol,
    timeouts: { ...options.timeouts, longIdle: longIdleMs },
  };
  const transports = countingTls(parts.transports, name, parts.middlewares.metrics);
  const clock = onSharedScale(parts.transports.wheel.clock);
  return {
    name,
    endpoints: toEndpointSpecs(options),
    balance: options.balance,
    groupPolicy: toGroupPolicy(options, parts.config.zone),
    sticky: options.sticky,
    onSticky: stickyCounter(name, options, parts.middlewares.metrics),
    memory: parts.memory,
    stripeIndex: parts.stripeIndex,
    stripes: parts.stripes,
    createPolicies: (endpoints, previous) =>
      createPolicies({ ...parts.middlewares, upstreamName: name, options, endpoints, clock, previous }),
    openTransport: (spec, before) =>
      before instanceof Http1Transport &&
      isDeepStrictEqual(before.options, transportOptions) &&
      isDeepStrictEqual(before.tls, spec.tls ?? null)
        ? before
        : new Http1Transport(spec, transportOptions, transports),
  };
}
