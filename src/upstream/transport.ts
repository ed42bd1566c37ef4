/**
 * The seam between the attempt loop and a protocol: an attempt goes in, its answer comes back through callbacks.
 * Plain method calls on long-lived objects: no promise, stream or closure per attempt.
 */
import type { BoundConnection } from "../http/bound-connections.ts";
import type { ConnectionAttempt } from "../http1/endpoint-side/connection-attempt.ts";

export type { AttemptHandle } from "../http1/endpoint-side/connection-attempt.ts";

/** One try of an exchange at one endpoint. Implemented by `forward/`. */
export interface Attempt extends ConnectionAttempt {
  /** It may be written to a connection that has served before. */
  readonly mayReuse: boolean;
  /**
   * The connection that is bound to the attempt's client: the attempt goes over it. The transport sets it to null if it
   * turns out to be gone.
   */
  bound: BoundConnection | null;
}

/** A way to reach one endpoint from one proxy thread. */
export interface Transport {
  /** Starts `attempt`. Callbacks may come before it returns. */
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
