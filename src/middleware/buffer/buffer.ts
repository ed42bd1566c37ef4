/**
 * The `buffer` middleware: reads the whole request body before an endpoint is chosen, so that a slow upload occupies no
 * endpoint, a chunked one gets a length, and any attempt can be given it again.
 */
import { continueHead } from "../../http/answer.ts";
import type { Exchange } from "../../http/exchange.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import { families } from "../../observe/families.ts";
import type { Middleware, MiddlewareContext } from "../middleware.ts";
import { Hold, onEnd, passOn } from "../pass-on.ts";
import { BufferedBody, type BufferListener } from "./buffered-body.ts";
import type { BufferOptions } from "./options.ts";

/** Creates the `buffer` middleware: requests go on when their body is complete. */
export function createBuffer(options: BufferOptions, context: MiddlewareContext): Middleware {
  const inMemory = context.metrics.counter(families.buffered, [context.routeName, "memory"]);
  const inFile = context.metrics.counter(families.buffered, [context.routeName, "file"]);
  return (next) => (exchange) => {
    const { length } = exchange.body;
    if (length === 0) return next(exchange);
    if (length !== "unknown" && length > options.maxRequestBytes) return exchange.fail("BODY_TOO_LARGE");
    const hold = new Hold(exchange);
    const listener: BufferListener = {
      onComplete() {
        if (!hold.release()) return;
        (body.isInFile ? inFile : inMemory).add();
        exchange.body = body;
        passOn(exchange, next);
      },
      onTooLarge() {
        if (hold.release()) exchange.fail("BODY_TOO_LARGE");
      },
      onAborted(code) {
        if (hold.release()) exchange.fail(code);
      },
      onError(error) {
        context.warnings.warn({
          subject: `buffer ${context.routeName}`,
          reason: error.code ?? error.message,
          message: "a request body cannot be buffered",
          fields: { route: context.routeName, errno: error.code, error: error.message },
        });
        // Too few descriptors are our shortage, and nothing is wrong with the disk.
        if (socketShortage(error.code, "tcp") === null) exchange.fail("BUFFER_FAILED");
        else exchange.fail("OVERLOADED", error.code);
      },
    };
    const body = new BufferedBody(exchange.body, { limits: options, held: context.held, listener });
    onEnd(exchange, () => body.discard());
    askForBody(exchange);
    body.fill();
  };
}

/**
 * The client may wait for a 100 before it sends anything (RFC 9110 section 10.1.1); upstream nothing is left to wait
 * for.
 */
function askForBody(exchange: Exchange): void {
  if (!exchange.outgoing.expectsContinue) return;
  exchange.outgoing = exchange.outgoing.withoutExpectation();
  exchange.interim(continueHead);
}
