/** What TCP sessions are given: by their listener, by their route, and by the thread. */
import type { RandomSource } from "../base/random.ts";
import type { Scheduler } from "../base/scheduler.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { RetryPolicy } from "../forward/retry-policy.ts";
import type { Recorded } from "../http/exchange-record.ts";
import type { ProxyError, ReasonCode } from "../http/reason.ts";
import type { ObservedSession } from "../observe/observed-session.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { SessionFacts } from "./tcp-router.ts";

/** Where a route sends its sessions. */
export interface TcpPlan {
  readonly upstream: Upstream;
  readonly retry: RetryPolicy;
  /** The client's address decides which endpoint it gets. */
  readonly isByClient: boolean;
}

/** A route as sessions take it. */
export interface TcpRoute {
  readonly name: string;
  /** Opens the upstream if it is not open. */
  readonly plan: () => TcpPlan;
}

/** Finds the routes of the running configuration. */
export interface TcpRoutes {
  /** See `TcpRouter.asksForName`. */
  asksForName(listenerName: string): boolean;
  match(facts: SessionFacts): TcpRoute | null;
}

/** What the proxy thread lends to a session that looks for an endpoint. */
export interface TcpForwardContext {
  /** For pauses that are shorter than a tick of the wheel. */
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  /** An attempt to connect failed and will be followed by another. */
  onRetry(session: Recorded, cause: ReasonCode): void;
  /** An attempt to connect failed for a reason that lies with its endpoint. */
  onAttemptFailure(session: Recorded, endpoint: Endpoint, error: ProxyError): void;
  /** The retry budget of the upstream did not allow another attempt. */
  onRetryRefused(session: Recorded): void;
  /** Bytes pass between client and endpoint from now on (+1), or no longer (-1). */
  onTunnel(session: Recorded, delta: 1 | -1): void;
}

/** What a listener offers to its sessions. */
export interface TcpListenerContext {
  readonly wheel: TimerWheel;
  readonly listenerName: string;
  /** Milliseconds: for the ClientHello, and for the longest silence; 0 = no limit, null = what is usual. */
  readonly timeouts: { readonly head: number; readonly idle: number | null };
  /** What passes are datagrams, whose sessions have no other end than silence. */
  readonly isDatagrams: boolean;
  readonly tcpRoutes: TcpRoutes;
  readonly forwarding: TcpForwardContext;
  /** It is over: once for each. */
  onSessionEnd(session: ObservedSession): void;
  onInternalError(error: unknown): void;
}
