/** What a connection to an endpoint asks of the pool that it belongs to. */
import type { EndOfTurn } from "../../base/end-of-turn.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { Attempt, AttemptTimeouts } from "../../http/attempt.ts";
import type { PooledConnection } from "./pooled-connection.ts";

/** The pool, as a connection that belongs to it sees it. */
export interface ConnectionOwner {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  /** Milliseconds; 0 = none. `longIdle` is for tunnels and streams. */
  readonly timeouts: AttemptTimeouts & { readonly longIdle: number };
  /** Nothing is in flight any more, `last` being the last that was, and it may serve again. */
  onIdle(connection: PooledConnection, keepAliveHintMs: number, last: Attempt): void;
  /** Content came behind an answer that has none. */
  onUnaskedContent(): void;
  onClosed(connection: PooledConnection): void;
  /** A bug of ours ended the connection. */
  onInternalError(error: unknown): void;
}
