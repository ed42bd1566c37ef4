/** What an exchange is forwarded by: what its route says, and what its thread lends. */
import type { HeldMemory } from "../base/held-memory.ts";
import type { RandomSource } from "../base/random.ts";
import type { Scheduler } from "../base/scheduler.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ViaMode } from "../http/forwarding-fields.ts";
import type { ProxyError, ReasonCode } from "../http/reason.ts";
import type { AttemptTimeouts } from "../http/attempt.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { RetryPolicy } from "./retry-policy.ts";

/** What a route does with a request that goes upstream; compiled once. */
export interface ForwardPlan {
  readonly upstream: Upstream;
  readonly retry: RetryPolicy;
  /** Milliseconds without an answer after which a second endpoint is asked as well; 0 = never. */
  readonly hedgeAfterMs: number;
  /** What becomes of Via, unless the route removes it. */
  readonly via: ViaMode;
  /** Milliseconds for the whole exchange; 0 = no limit. */
  readonly totalTimeoutMs: number;
  /** In place of the upstream's; null = the upstream's. */
  readonly timeouts: AttemptTimeouts | null;
  /** What a hashing balancer hashes; null = nothing. */
  readonly keyOf: (exchange: Exchange) => string | null;
}

/** An exchange on its way upstream, for the parts of its forwarding that are made when they are needed. */
export interface ForwardedExchange {
  readonly exchange: Exchange;
  readonly plan: ForwardPlan;
  readonly context: ForwardContext;
}

/** How a hedge ended: its answer was the first, the other one was, or it failed. */
export type HedgeResult = "won" | "lost" | "failed";

/** What the proxy thread lends to an exchange. */
export interface ForwardContext {
  readonly wheel: TimerWheel;
  /** For pauses that are shorter than a tick of the wheel. */
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  /** Counts the memory in which request bodies are kept for another attempt. */
  readonly held: HeldMemory;
  /** An attempt failed, by a reason code or an endpoint's status, and will be followed by another. */
  onRetry(exchange: Exchange, cause: ReasonCode | number): void;
  /** An attempt failed for a reason that lies with its endpoint, whether or not another follows. */
  onAttemptFailure(exchange: Exchange, endpoint: Endpoint, error: ProxyError): void;
  /** The retry budget of the exchange's upstream did not allow another attempt. */
  onRetryRefused(exchange: Exchange): void;
  onHedge(exchange: Exchange, result: HedgeResult): void;
  /** A tunnel opened (+1) or closed (-1). */
  onTunnel(exchange: Exchange, delta: 1 | -1): void;
}
