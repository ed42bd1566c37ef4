/** Requests that the cache has nothing to do with: they go on as they are, and so do their answers. */
import { AddedFields } from "../../http/answer.ts";
import type { ForwardReason } from "../../http/cache/cache-status.ts";
import type { CacheResult } from "../../http/cache-result.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { RouteHandler } from "../middleware.ts";
import type { CachedRoute } from "./cached-route.ts";

/** A request, and what is behind the cache. */
export interface Passing {
  readonly exchange: Exchange;
  readonly route: CachedRoute;
  readonly next: RouteHandler;
}

/** Hands a request on; its answer says why. */
export function passBy(
  { exchange, route, next }: Passing,
  forward: ForwardReason,
  result: Extract<CacheResult, "bypass" | "miss">,
): void {
  route.note(exchange, result);
  const line = route.statusLine({ result, forward, forwardStatus: null, isStored: false, isCollapsed: false }, null);
  if (line !== "") exchange.filterAnswer(new AddedFields(line));
  next(exchange);
}
