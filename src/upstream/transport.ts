/**
 * The seam between the attempt loop and a protocol: an attempt goes in, its answer comes back through callbacks.
 * Plain method calls on long-lived objects: no promise, stream or closure per attempt.
 */
import type { BoundConnection } from "../http/bound-connections.ts";
import type { ConnectionAttempt } from "../http1/endpoint-side/connection-attempt.ts";

export type { AttemptHandle } from "../http1/endpoint-side/connection-attempt.ts";

/** One try of an exchange at one endpoint. Implemented by `forward/`. */
export interface Attempt extends ConnectionAttempt {
  /** May be written to a connection that has served before. */
  readonly mayReuse: boolean;
  /**
   * The connection that its client has of its own, which the transport holds: it goes over that one. Set to null where
   * that turns out to be gone.
   */
  bound: BoundConnection | null;
}

/** A way to reach one endpoint from one proxy thread. */
export interface Transport {
  /** Starts `attempt`. Callbacks may come before it returns. */
  send(attempt: Attempt): void;
  /** Is `connection` open here, and is nothing in flight on it? */
  isHolding(connection: BoundConnection): boolean;
  /** Closes idle connections now and the others as they become idle. */
  drain(): void;
  /** Closes everything at once. */
  close(): void;
  readonly connectionCount: number;
  readonly idleCount: number;
}
