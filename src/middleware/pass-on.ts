/**
 * How a middleware that has held an exchange lets it go: outside the client connection's own turn nobody else catches
 * what is thrown.
 */
import type { Answerer, Exchange } from "../http/exchange.ts";
import type { RouteHandler } from "./middleware.ts";

/** Calls `next`, as the last thing that is done with `exchange`. If `next` throws, the exchange ends, not the thread. */
export function passOn(exchange: Exchange, next: RouteHandler): void {
  try {
    next(exchange);
  } catch (error) {
    exchange.crash(error);
  }
}

/** Holds an exchange while a middleware waits for something, and notices if the client goes meanwhile. */
export class Hold implements Answerer {
  isGone = false;
  readonly #exchange: Exchange;
  readonly #onGone: () => void;

  /** @param onGone called when the client goes while it is held */
  constructor(exchange: Exchange, onGone: () => void = () => {}) {
    this.#exchange = exchange;
    this.#onGone = onGone;
    exchange.answerer = this;
  }

  /** Ends the holding. @returns false if the exchange is over */
  release(): boolean {
    if (this.isGone) return false;
    this.#exchange.answerer = null;
    return true;
  }

  cancel(): void {
    this.isGone = true;
    this.#onGone();
  }
}

/** Calls `run` when `exchange` is over, after the calls that others have asked for before. */
export function onEnd(exchange: Exchange, run: () => void): void {
  const before = exchange.onEnd;
  exchange.onEnd =
    before === null
      ? run
      : () => {
          try {
            before();
          } finally {
            run();
          }
        };
}
