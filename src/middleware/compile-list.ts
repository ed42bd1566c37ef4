/** From a route's list of middlewares to what stands before its last handler. */
import type { AnswerFilter } from "../http/answer.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ReasonCode } from "../http/reason.ts";
import type { MiddlewareKind } from "./kind.ts";
import { middlewareKinds } from "./kinds.ts";
import type { Middleware, MiddlewareContext, MiddlewareHost, RouteHandler } from "./middleware.ts";
import { placeMiddlewares } from "./placed.ts";
import type { ShedClass } from "./shed/options.ts";
import { createShed } from "./shed/shed.ts";

/** What a route says of its middlewares. */
export interface MiddlewareList {
  readonly routeName: string;
  /** In normal form and in order, the first outermost. */
  readonly items: readonly object[];
  readonly shed: ShedClass;
  /** Milliseconds; 0 = no load shedding. */
  readonly maxLagMs: number;
}

/** A list, compiled. */
export interface CompiledList {
  /** Puts the list before `last`. If there is nothing in it, that is `last` itself. */
  before(last: RouteHandler): RouteHandler;
  /**
   * Refuses an exchange before it has passed anything of its route: the answer is the route's all the same, and passes
   * every filter of it.
   */
  readonly refuse: (exchange: Exchange, code: ReasonCode, detail?: string) => void;
}

/** Compiles a list for one proxy thread. @throws as the kinds do, on options that the schema would have refused */
export function compileList(
  { routeName, items, shed, maxLagMs }: MiddlewareList,
  host: MiddlewareHost,
  kinds: readonly MiddlewareKind[] = middlewareKinds,
): CompiledList {
  const contextOf = (ordinal: number): MiddlewareContext => ({
    ...host,
    onInternalError: (error) => host.onInternalError(error),
    routeName,
    ordinal,
  });
  const middlewares: Middleware[] = [];
  const filters: AnswerFilter[] = [];
  for (const { kind, options, ordinal } of placeMiddlewares(items, kinds)) {
    const filter = kind.createAnswerFilter?.(options) ?? null;
    if (filter !== null) {
      filters.push(filter);
      middlewares.push(filterAnswers(filter));
    }
    if (kind.create !== undefined) middlewares.push(kind.create(options, contextOf(ordinal)));
  }
  const refuse = (exchange: Exchange, code: ReasonCode, detail?: string): void => {
    for (const filter of filters) exchange.filterAnswer(filter);
    exchange.fail(code, detail);
  };
  const shedding = createShed({ routeName, shedClass: shed, maxLagMs, refuse }, host);
  return {
    before(last) {
      if (middlewares.length === 0) return shedding?.(last) ?? last;
      // Middlewares may take their time, and what is measured behind them is not theirs.
      const { clock } = host.wheel;
      const behind: RouteHandler = (exchange) => {
        clock.refresh();
        last(exchange);
      };
      const composed = middlewares.reduceRight((next, middleware) => middleware(next), behind);
      return shedding?.(composed) ?? composed;
    },
    refuse,
  };
}

function filterAnswers(filter: AnswerFilter): Middleware {
  return (next) => (exchange) => {
    exchange.filterAnswer(filter);
    next(exchange);
  };
}
