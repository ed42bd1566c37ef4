/**
 * Load shedding: refuses a growing share of requests while the event loop is late, so that the rest is served in time.
 * If everything were accepted, everything would get slow. The share grows with the lag; a share that jumps would make
 * the load swing.
 */
import type { RandomSource } from "../../base/random.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { families } from "../../observe/families.ts";
import type { Middleware, MiddlewareHost } from "../middleware.ts";
import type { ShedClass } from "./options.ts";

/** The greatest share of `normal` requests that is refused: some must pass to find out that it is over. */
const maxNormalShare = 0.95;

/** The share of requests to refuse, 0 to 1. @param load the lag as a part of what is allowed: 1 = just so late */
export function shareToShed(shedClass: ShedClass, load: number): number {
  switch (shedClass) {
    case "early":
      return Math.min(1, Math.max(0, (load - 0.5) * 2));
    case "normal":
      return Math.min(maxNormalShare, Math.max(0, load - 1));
    case "never":
      return 0;
  }
}

/** What load shedding in a route depends on. */
export interface ShedParts {
  readonly routeName: string;
  readonly shedClass: ShedClass;
  /** 0 = off. */
  readonly maxLagMs: number;
  /** Refuses an exchange with an answer that passes the filters of the route. */
  readonly refuse: (exchange: Exchange, code: ReasonCode, detail: string) => void;
}

/** Creates the middleware that sheds load while the event loop is late. @returns null if nothing is ever refused */
export function createShed(
  { routeName, shedClass, maxLagMs, refuse }: ShedParts,
  { metrics, lag }: MiddlewareHost,
  random: RandomSource = Math.random,
): Middleware | null {
  if (maxLagMs === 0 || shedClass === "never") return null;
  const refused = metrics.counter(families.shed, [routeName]);
  return (next) => (exchange) => {
    const share = shareToShed(shedClass, lag.lagMs / maxLagMs);
    if (share === 0 || random() >= share) return next(exchange);
    refused.add();
    refuse(exchange, "OVERLOADED", `event loop ${Math.round(lag.lagMs)} ms late`);
  };
}
