/**
 * What unsafe requests make invalid (RFC 9111 section 4.4): after an answer that is no error, what is stored for the
 * same URL, and for those that Location and Content-Location name if they are of the same origin. The record of the
 * variants goes, and with it all of them.
 */
import type { AnswerFilter, AnswerHead, NextResponder } from "../../http/answer.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { CachedRoute } from "./cached-route.ts";
import { noFacts, readFacts } from "./request-facts.ts";

/** Has the answer to `exchange`, whose method is not safe, make invalid what it has to. */
export function invalidateAfter(exchange: Exchange, route: CachedRoute): void {
  exchange.filterAnswer(new Invalidation(exchange, route));
}

class Invalidation implements AnswerFilter {
  readonly #exchange: Exchange;
  readonly #route: CachedRoute;

  constructor(exchange: Exchange, route: CachedRoute) {
    this.#exchange = exchange;
    this.#route = route;
  }

  start(head: AnswerHead, source: BodySource, next: NextResponder): BodySink {
    if (head.status >= 200 && head.status < 400) {
      this.#invalidate(this.#route.keys.targetOf(this.#exchange));
      for (const name of ["location", "content-location"]) {
        const target = this.#targetOf(head.fields.value(name));
        if (target !== null) this.#invalidate(target);
      }
    }
    return next.start(head, source);
  }

  /** Path and query of a URL that the answer names, if it is of the same origin and goes to the endpoint as it is. */
  #targetOf(location: string | null): string | null {
    const { request, changedRequest } = this.#exchange;
    if (location === null || (changedRequest !== null && changedRequest.target !== request.target)) return null;
    const own = URL.parse(this.#route.urlOf(this.#exchange));
    const url = own === null ? null : URL.parse(location, own);
    return url === null || url.origin !== own!.origin ? null : this.#route.keys.filtered(url.pathname + url.search);
  }

  #invalidate(target: string): void {
    const exchange = this.#exchange;
    const { keys, parts, store } = this.#route;
    const { request, changedRequest } = exchange;
    const facts = readFacts(changedRequest === null ? request.keptFields : changedRequest.fields.text);
    // Scripts that send a form tell of themselves (X-Requested-With), and pages are asked for without that.
    for (const key of new Set([keys.keyOf(exchange, target, facts), keys.keyOf(exchange, target, noFacts)])) {
      if (key === null) continue;
      // First the mark: what is being fetched must not be stored after this.
      parts.invalidations.raise(key);
      store.remove(key);
    }
  }
}
