/** How an answer came about, for Cache-Status, the metrics and the access log. */
import type { ForwardReason } from "../../http/cache/cache-status.ts";
import type { CacheResult } from "../../http/cache-result.ts";

/** How one answer came about. */
export interface HowServed {
  readonly result: CacheResult;
  /** Why the origin was asked, by this request or by the one that it has waited for; null = it was not. */
  readonly forward: ForwardReason | null;
  /** What the origin answered if that is not what the client gets, a 304 for instance; null = nothing to say. */
  readonly forwardStatus: number | null;
  /** What the origin has answered is stored, or on its way into the store. */
  readonly isStored: boolean;
  /** It has waited for a request of another client. */
  readonly isCollapsed: boolean;
}

/** Found, and fresh. */
export const servedFresh: HowServed = {
  result: "hit",
  forward: null,
  forwardStatus: null,
  isStored: false,
  isCollapsed: false,
};

/** Found, and used although it is stale. */
export const servedStale: HowServed = { ...servedFresh, result: "stale" };
