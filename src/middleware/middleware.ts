/**
 * The seam of middlewares: a function from "what comes next" to "what happens", composed once per configuration. An
 * exchange passes through as plain calls; a middleware answers it itself (by `start` or `fail`), passes it on
 * now, or holds it (as `exchange.answerer`) and passes it on later. A route without middlewares is its last handler and
 * nothing else.
 */
import type { CacheParts } from "../cache/cache-parts.ts";
import type { CacheStore } from "../cache/cache-store.ts";
import type { HeldMemory } from "../base/held-memory.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { FunctionTable } from "../script/function-table.ts";
import type { LimitPlace } from "../store/limit-store.ts";

/** Answers an exchange, now or later. */
export type RouteHandler = (exchange: Exchange) => void;

/** Takes the handler that comes next, and gives the handler that is called before it. */
export type Middleware = (next: RouteHandler) => RouteHandler;

/** What a proxy thread lends to the middlewares of all routes. */
export interface MiddlewareHost {
  readonly wheel: TimerWheel;
  /**
   * Shared memory. The control thread has reserved the regions that middlewares look for, under the same keys
   * (`MiddlewareKind.reserve`).
   */
  readonly memory: SharedMemory;
  /** Counts the memory in which request bodies are held. */
  readonly held: HeldMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly metrics: MetricWriter;
  readonly logger: Logger;
  /** Takes warnings about what may go wrong again and again; they are summed up. */
  readonly warnings: WarningSink;
  /** The stores of the configuration, by name. */
  readonly stores: ReadonlyMap<string, LimitPlace>;
  /** The places that caches keep answers in, by name: "memory", or that of a store. */
  readonly caches: ReadonlyMap<string, CacheStore>;
  /** What all caches share; null if the configuration has none. */
  readonly cacheParts: CacheParts | null;
  /** The functions of the configuration, by reference. */
  readonly functions: FunctionTable;
  /** How late the event loop is; 0 if `overload` is not configured. */
  readonly lag: { readonly lagMs: number };
  /** Takes exceptions that are bugs of ours. */
  onInternalError(error: unknown): void;
}

/** Where a middleware stands: tells it apart from others of its kind, and is part of the name of what is its own. */
export interface MiddlewarePlace {
  readonly routeName: string;
  /** How many of the same kind stand before it in its route. */
  readonly ordinal: number;
}

/** What one middleware is made with. */
export interface MiddlewareContext extends MiddlewareHost, MiddlewarePlace {}
