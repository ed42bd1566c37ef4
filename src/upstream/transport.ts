/** The way from one proxy thread to one endpoint: what carries attempts, whatever its protocol. */
import type { Attempt } from "../http/attempt.ts";
import type { BoundConnection } from "../http/bound-connections.ts";
import type { ProxyError } from "../http/reason.ts";
import type { Wire } from "../net/wire.ts";

/**
 * Whoever wants a connection to an endpoint for itself, to pass on what it is not the transport's business to know. One
 * of its two callbacks comes, once, unless it gives up.
 */
export interface WireGuest {
  /** What opens the connection now; set by the transport. */
  opening: WireOpening | null;
  /** The client's connection, for which it is opened. */
  readonly client: Wire;
  /** The wire must be handed to a reader within this call. When it is gone, `Transport.noteWireClosed` must be called. */
  onWire(wire: Wire): void;
  onFailure(error: ProxyError): void;
}

/** A connection that is being opened for a guest. */
export interface WireOpening {
  /** Gives it up: no callback follows. */
  cancel(): void;
}

/** A way to reach one endpoint from one proxy thread. */
export interface Transport {
  /** Starts `attempt`. Never throws on account of the endpoint; callbacks may come before it returns. */
  send(attempt: Attempt): void;
  /** Opens a connection for `guest` alone, which is never kept for others. */
  openWire(guest: WireGuest): void;
  /** A wire that a guest was given is closed: once for each. */
  noteWireClosed(): void;
  /** Is `connection` open in this transport, with nothing in flight on it? */
  isHolding(connection: BoundConnection): boolean;
  /** Closes idle connections now and the others as they become idle. */
  drain(): void;
  /** Closes everything at once. */
  close(): void;
  readonly connectionCount: number;
  readonly idleCount: number;
}
