/** What a client connection gets from its listener in its proxy thread: limits, deadlines, and where exchanges go. */
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { TurnQueue } from "../../base/turn-queue.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { HeadLimits } from "../syntax/request-parser.ts";

/** Limits of a client connection; 0 = none. */
export interface ConnectionLimits extends HeadLimits {
  readonly requestsPerConnection: number;
  readonly bodyBytes: number;
}

/** Milliseconds; 0 = none. */
export interface ConnectionTimeouts {
  readonly head: number;
  readonly body: number;
  readonly write: number;
  readonly keepAlive: number;
}

/**
 * The listener's side of a client connection. Limits may be replaced by a reload; they hold from the next request on.
 */
export interface ClientContext {
  readonly wheel: TimerWheel;
  /** The thread's: connections that have had their share of a turn wait here. */
  readonly turns: TurnQueue;
  readonly limits: ConnectionLimits;
  readonly timeouts: ConnectionTimeouts;
  readonly listenerName: string;
  /** No connection is kept any more. */
  readonly isDraining: boolean;
  /** Are the forwarding fields of this peer believed? */
  isTrusted(address: string): boolean;
  /** Answers `exchange`, now or later. */
  onExchange(exchange: Exchange): void;
  onExchangeStart(): void;
  /** Exactly once for every exchange, refused ones included. */
  onExchangeEnd(exchange: Exchange): void;
  onInternalError(error: unknown): void;
}
