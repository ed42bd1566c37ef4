/**
 * How a middleware that has held an exchange lets it go: outside the client connection's own turn nobody else catches
 * what is thrown.
 */
import type { Exchange, ExchangeListener } from "../http/exchange.ts";
import type { MiddlewareHost, RouteHandler } from "./middleware.ts";

/** Passes `exchange` on, as the last thing that is done with it. A bug behind ends the exchange, not the thread. */
export function passOn(exchange: Exchange, next: RouteHandler, host: MiddlewareHost): void {
  try {
    next(exchange);
  } catch (error) {
    host.onInternalError(error);
    exchange.listener?.onCancel("INTERNAL_ERROR");
    exchange.responder.fail("INTERNAL_ERROR");
  }
}

/** Holds an exchange while something is waited for, and knows when the client has gone. */
export class Hold implements ExchangeListener {
  isGone = false;
  readonly #exchange: Exchange;
  readonly #onGone: () => void;

  /** @param onGone called when the client goes while it is held */
  constructor(exchange: Exchange, onGone: () => void = () => {}) {
    this.#exchange = exchange;
    this.#onGone = onGone;
    exchange.listener = this;
  }

  /** Ends the holding. @returns false where the exchange is over */
  release(): boolean {
    if (this.isGone) return false;
    this.#exchange.listener = null;
    return true;
  }

  onWritable(): void {}

  onCancel(): void {
    this.isGone = true;
    this.#onGone();
  }
}

/** Has `run` called when `exchange` is over, after what others have asked for. */
export function onEnd(exchange: Exchange, run: () => void): void {
  const before = exchange.onEnd;
  exchange.onEnd =
    before === null
      ? run
      : () => {
          before();
          run();
        };
}
