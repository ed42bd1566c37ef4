/** The Cache-Status field (RFC 9211): what happened to a request in this cache. */

/** Why a request was forwarded (RFC 9211 section 2.2). */
export type ForwardReason = "bypass" | "method" | "uri-miss" | "vary-miss" | "request" | "stale" | "partial";

/** What Cache-Status says of this cache. */
export interface CacheStatus {
  /** null: it is a hit, the request was not forwarded. */
  readonly forward: ForwardReason | null;
  /** What the endpoint answered, if that is not the status that the client gets; null = nothing to say. */
  readonly forwardStatus: number | null;
  /** How long the answer is still fresh, in milliseconds; negative if it is stale; null = nothing to say. */
  readonly freshMs: number | null;
  readonly isStored: boolean;
  /** The request waited for the answer to another one. */
  readonly isCollapsed: boolean;
  /** A word for people; null = none. */
  readonly detail: string | null;
}

/** The field line, `Cache-Status: millrace; …\r\n`. It stands behind the lines of the caches before us. */
export function formatCacheStatus(status: CacheStatus): string {
  let line = status.forward === null ? "Cache-Status: millrace; hit" : `Cache-Status: millrace; fwd=${status.forward}`;
  if (status.forwardStatus !== null) line += `; fwd-status=${status.forwardStatus}`;
  if (status.freshMs !== null) line += `; ttl=${wholeSeconds(status.freshMs)}`;
  if (status.isStored) line += "; stored";
  if (status.isCollapsed) line += "; collapsed";
  if (status.detail !== null) line += `; detail=${status.detail}`;
  return `${line}\r\n`;
}

/** Rounds up, as Age rounds down: both together are what the answer says. What is stale is so by a second at least. */
const wholeSeconds = (ms: number): number => (ms > 0 ? Math.ceil(ms / 1000) : Math.floor(ms / 1000));
