/**
 * The `fault` middleware: makes some requests slow or fail on purpose, so that clients and operators can rehearse. What
 * it does is counted and logged as such.
 */
import type { RandomSource } from "../../base/random.ts";
import { type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import type { Exchange } from "../../http/exchange.ts";
import { explain, sendOwnAnswer } from "../../http/own-answer.ts";
import { families } from "../../observe/families.ts";
import type { Middleware, MiddlewareContext, RouteHandler } from "../middleware.ts";
import { Hold, passOn } from "../pass-on.ts";
import type { FaultOptions } from "./options.ts";
import { Throttle } from "./throttle.ts";

/** Sources of chance and time in tests; default: those of the machine. */
export interface FaultSources {
  readonly random?: RandomSource;
  readonly scheduler?: Scheduler;
}

/** Creates the `fault` middleware: delays, aborts or slows down the configured share of requests. */
export function createFault(
  { delay, abort, bandwidth }: FaultOptions,
  context: MiddlewareContext,
  { random = Math.random, scheduler = systemScheduler }: FaultSources = {},
): Middleware {
  const counterOf = (kind: string) => context.metrics.counter(families.faults, [context.routeName, kind]);
  const [delays, aborts, throttles] = [counterOf("delay"), counterOf("abort"), counterOf("bandwidth")];
  const throttle =
    bandwidth === null
      ? null
      : new Throttle({
          bytesPerSecond: bandwidth.bytesPerSecond,
          scheduler,
          onInternalError: (error) => context.onInternalError(error),
        });
  return (next) => {
    const goOn: RouteHandler =
      abort === null
        ? next
        : (exchange) => {
            if (random() >= abort.percent) return next(exchange);
            aborts.add();
            exchange.record.reason = "FAULT_INJECTED";
            sendOwnAnswer(exchange, explain("FAULT_INJECTED", exchange, "", abort.status));
          };
    const goOnLater = (exchange: Exchange, delayMs: number): void => {
      const call = scheduler.after(delayMs, () => {
        if (hold.release()) passOn(exchange, goOn);
      });
      const hold = new Hold(exchange, () => call.cancel());
    };
    return (exchange) => {
      if (bandwidth !== null && throttle !== null && random() < bandwidth.percent) {
        throttles.add();
        exchange.filterAnswer(throttle);
      }
      if (delay !== null && random() < delay.percent) {
        delays.add();
        goOnLater(exchange, delay.duration);
      } else goOn(exchange);
    };
  };
}
