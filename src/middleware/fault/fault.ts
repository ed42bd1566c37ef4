/** The `fault` middleware: makes some requests slow or fail on purpose, so that clients and operators can rehearse. What it does is counted and logged as such. */
import type { RandomSource } from "../../base/random.ts";
import { type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import type { Exchange } from "../../http/exchange.ts";
import { reasons } from "../../http/reason.ts";
import { statusPhrase } from "../../http/status.ts";
import { dateField } from "../../http1/answer.ts";
import { families } from "../../observe/families.ts";
import type { Middleware, MiddlewareContext, RouteHandler } from "../middleware.ts";
import { Hold, passOn } from "../pass-on.ts";
import type { FaultOptions } from "./options.ts";
import { throttle } from "./throttle.ts";

/** Chance and time, where they are not the machine's. */
export interface FaultSources {
  readonly random?: RandomSource;
  readonly scheduler?: Scheduler;
}

/** See the head of this file. */
export function createFault({ delay, abort, bandwidth }: FaultOptions, context: MiddlewareContext, { random = Math.random, scheduler = systemScheduler }: FaultSources = {}): Middleware {
  const counterOf = (kind: string) => context.metrics.counter(families.faults, [context.routeName, kind]);
  const [delays, aborts, throttles] = [counterOf("delay"), counterOf("abort"), counterOf("bandwidth")];
  return (next) => {
    const goOn: RouteHandler = abort === null ? next : (exchange) => {
      if (random() >= abort.percent) return next(exchange);
      aborts.add();
      answerWith(abort.status, exchange);
    };
    const goOnLater = (exchange: Exchange, delayMs: number): void => {
      const call = scheduler.after(delayMs, () => { if (hold.release()) passOn(exchange, goOn, context); });
      const hold = new Hold(exchange, () => call.cancel());
    };
    return (exchange) => {
      if (bandwidth !== null && random() < bandwidth.percent) {
        throttles.add();
        throttle(exchange, { bytesPerSecond: bandwidth.bytesPerSecond, scheduler, onInternalError: (error) => context.onInternalError(error) });
      }
      if (delay !== null && random() < delay.percent) {
        delays.add();
        goOnLater(exchange, delay.duration);
      } else goOn(exchange);
    };
  };
}

function answerWith(status: number, exchange: Exchange): void {
  const { responder, request } = exchange;
  exchange.reason = "FAULT_INJECTED";
  const body = Buffer.from(`${status} ${statusPhrase(status)}: ${reasons.FAULT_INJECTED.text} (FAULT_INJECTED)\n`);
  const isHead = request.method === "HEAD";
  const fields = `${dateField()}Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n`;
  responder.sendHead(status, statusPhrase(status), fields, isHead ? "none" : body.length, isHead ? body.length : null);
  if (!isHead) responder.sendData(body);
  responder.sendEnd("");
}
