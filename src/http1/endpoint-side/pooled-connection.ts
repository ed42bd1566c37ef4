/** What a pool needs of a connection to an endpoint. */
import type { Attempt } from "../../http/attempt.ts";
import type { BoundConnection } from "../../http/bound-connections.ts";
import type { Reuse } from "./reuse.ts";

/** A connection that takes attempts. Its `ConnectionOwner` hears when it may have another one, and when it is gone. */
export interface PooledConnection extends BoundConnection {
  /** Who may use it next. */
  readonly reuse: Reuse;
  /** How many attempts are in flight on it. */
  readonly inFlight: number;
  /** It may take another attempt beside those in flight, if all of them say so. */
  readonly isPipeliner: boolean;
  /** Gives it `attempt`: it has just come up, is idle, or pipelines. */
  start(attempt: Attempt): void;
  /** Waits in the pool for at most `idleMs`. */
  park(idleMs: number): void;
  /**
   * Looks, while nothing is in flight, for what has arrived since the last polling phase; closes it if anything has.
   * @returns true if nothing has; false also if that cannot be told (then it stays open)
   */
  closeUnlessSilent(): boolean;
  /** Closes it as soon as nothing is in flight. */
  drain(): void;
  /** Closes it now; attempts in flight fail. */
  close(): void;
}
