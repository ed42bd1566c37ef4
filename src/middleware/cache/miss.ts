/** What the look-up hands to whoever fetches what is not there, or must be validated. */
import type { StoredBody } from "../../cache/cache-store.ts";
import type { CacheDirectives } from "../../http/cache/cache-control.ts";
import type { ForwardReason } from "../../http/cache/cache-status.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { RouteHandler } from "../middleware.ts";
import type { CachedRoute } from "./cached-route.ts";
import type { HowServed } from "./how-served.ts";
import type { RequestFacts } from "./request-facts.ts";

/** A request for which something has to be fetched. */
export interface Miss {
  /** The client's. Nobody holds it yet; its own `outgoing` is as the client wants it, with Range and conditions. */
  readonly exchange: Exchange;
  /** What the cache has to know of its fields. */
  readonly facts: RequestFacts;
  readonly primaryKey: string;
  /** Where its answer is going to be stored, as far as can be known before it comes. */
  readonly fillKey: string;
  /**
   * As it goes to the origin to fill the cache: a GET for the whole, without conditions, Accept-Encoding reduced, without
   * the parameters that make no difference.
   */
  readonly outgoing: OutgoingRequest;
  /** What the client demands of caches; `noDirectives` if the operator ignores it. */
  readonly directives: CacheDirectives;
  /** Why the origin is asked. */
  readonly forward: ForwardReason;
  /** To be validated, and to fall back on (stale-if-error); whoever has the miss opens or releases it. Null = none. */
  readonly stale: StoredBody | null;
  /** Under which key `stale` is stored. Empty = there is none. */
  readonly staleKey: string;
  /** `PurgeLog.floor` from before the look-up. */
  readonly purgeFloor: number;
  /** `Fills.finishedCount` from before the look-up. */
  readonly finishedCount: number;
  /** `InvalidationMarks.of(primaryKey)` when it was first asked for: before anything is fetched. */
  readonly invalidations: number;
  /** The rest of the route. */
  readonly next: RouteHandler;
  readonly route: CachedRoute;
  /**
   * Answers the client from what is stored or being written, by its conditions, range and method. Nobody holds the
   * exchange at that moment (`Hold.release`). Counts and logs it.
   */
  answer(body: StoredBody, how: HowServed): void;
}
