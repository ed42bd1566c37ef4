/**
 * From the options of a middleware to what it does. Changes to the request's head are not here: they are compiled into
 * the forwarding itself.
 */
import type { AnswerFilter } from "../http/answer-filter.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ReasonCode } from "../http/reason.ts";
import { createBodyLimit } from "./body-limit/body-limit.ts";
import { createBuffer } from "./buffer/buffer.ts";
import { createFault } from "./fault/fault.ts";
import type { Middleware, MiddlewareContext, MiddlewareHost, RouteHandler } from "./middleware.ts";
import type { PolicyOptions } from "./options.ts";
import { createRateLimit } from "./rate-limit/rate-limit.ts";
import type { ShedClass } from "./shed/options.ts";
import { createShed } from "./shed/shed.ts";

/** What a route's list holds: something that acts on requests, or the changes that `headers` makes to answers. */
export type RouteStep = PolicyOptions | { readonly answerFilter: AnswerFilter };

/** What stands before a route's last handler. */
export interface RoutePolicies {
  readonly routeName: string;
  /** In order, the first outermost. */
  readonly steps: readonly RouteStep[];
  readonly shed: ShedClass;
  /** Milliseconds; 0 = no load shedding. */
  readonly maxLagMs: number;
}

/** Puts them before `last`. Where there are none, that is `last` itself. */
export function compose(
  { routeName, steps, shed, maxLagMs }: RoutePolicies,
  host: MiddlewareHost,
  last: RouteHandler,
): RouteHandler {
  const counts = new Map<string, number>();
  const contextOf = (ordinal: number): MiddlewareContext => ({
    ...host,
    onInternalError: (error) => host.onInternalError(error),
    routeName,
    ordinal,
  });
  const middlewares = steps.map((step): Middleware => {
    if ("answerFilter" in step) return filterAnswers(step.answerFilter);
    const kind = Object.keys(step)[0] ?? "";
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    return createMiddleware(step, contextOf(ordinal));
  });
  const composed = middlewares.reduceRight((next, middleware) => middleware(next), last);
  const shedding = createShed({ shedClass: shed, maxLagMs, refuse: refuseWith(steps) }, contextOf(0));
  return shedding?.(composed) ?? composed;
}

/**
 * Refuses an exchange before it has passed anything of its route: the answer is the route's all the same, and passes
 * every filter of it.
 */
export function refuseWith(
  steps: readonly RouteStep[],
): (exchange: Exchange, code: ReasonCode, detail?: string) => void {
  const filters = steps.flatMap((step) => ("answerFilter" in step ? [step.answerFilter] : []));
  return (exchange, code, detail) => {
    for (const filter of filters) exchange.filterAnswer(filter);
    exchange.responder.fail(code, detail);
  };
}

function filterAnswers(filter: AnswerFilter): Middleware {
  return (next) => (exchange) => {
    exchange.filterAnswer(filter);
    next(exchange);
  };
}

function createMiddleware(policy: PolicyOptions, context: MiddlewareContext): Middleware {
  if ("rateLimit" in policy) return createRateLimit(policy.rateLimit, context);
  if ("bodyLimit" in policy) return createBodyLimit(policy.bodyLimit);
  if ("buffer" in policy) return createBuffer(policy.buffer, context);
  return createFault(policy.fault, context);
}
