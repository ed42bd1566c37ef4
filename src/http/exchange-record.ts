/** What happened to an exchange: for the access log, the metrics and warnings. Nothing is decided by it. */
import type { CacheResult } from "./cache-result.ts";
import type { ReasonCode } from "./reason.ts";

/** What has a record: an exchange, or a session of a TCP listener. */
export interface Recorded {
  readonly record: ExchangeRecord;
}

/** What is known of one exchange. Times are monotonic milliseconds; -1 = never happened. */
export class ExchangeRecord {
  /** Empty if no route matched. */
  routeName = "";
  /** Empty if no upstream was asked. */
  upstreamName = "";
  /** The endpoint that answered, or the last one tried. */
  endpointName = "";
  /** What the client was sent; 499 if it went away before a head was sent; 0 while undecided. */
  status = 0;
  /** Why it ended otherwise than by a complete answer of an endpoint or route; null if all was well. */
  reason: ReasonCode | null = null;
  /** More about `reason`. */
  detail = "";
  attempts = 0;
  /** The connection of the last attempt had served before. */
  isUpstreamConnectionReused = false;
  /** What a cache did for it; empty if none was asked. */
  cache: CacheResult | "" = "";
  requestBodyBytes = 0;
  responseBodyBytes = 0;
  /** When the first byte of the head arrived. */
  startedMs = -1;
  /** The same in milliseconds since the epoch. */
  startedWallMs = 0;
  headCompleteMs = -1;
  /** The last attempt: when an endpoint was picked, connected, and answered with its first byte. */
  attemptStartedMs = -1;
  connectedMs = -1;
  firstByteMs = -1;
  endedMs = -1;
}
