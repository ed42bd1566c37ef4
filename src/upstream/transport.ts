/** The way from one proxy thread to one endpoint: what carries attempts, whatever its protocol. */
import type { Attempt } from "../http/attempt.ts";
import type { BoundConnection } from "../http/bound-connections.ts";

/** A way to reach one endpoint from one proxy thread. */
export interface Transport {
  /** Starts `attempt`. Never throws on account of the endpoint; callbacks may come before it returns. */
  send(attempt: Attempt): void;
  /** Is `connection` open in this transport, with nothing in flight on it? */
  isHolding(connection: BoundConnection): boolean;
  /** Closes idle connections now and the others as they become idle. */
  drain(): void;
  /** Closes everything at once. */
  close(): void;
  readonly connectionCount: number;
  readonly idleCount: number;
}
