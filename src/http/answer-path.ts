/**
 * The way of an answer through the filters of its exchange. Every filter that the request has passed adds a step; an
 * answer takes the steps in the opposite order, so that it passes those filters and no others. An exchange without
 * filters has no steps.
 */
import type { AnswerFilter, AnswerHead, Responder } from "./answer.ts";
import type { BodySink, BodySource } from "./body.ts";
import type { Fields } from "./field-section.ts";
import type { ReasonCode } from "./reason.ts";

/** A filter in its place: hands on to the step that was added before it, or to the client's side. */
export class AnswerStep implements Responder {
  readonly #filter: AnswerFilter;
  #next: Responder;

  constructor(filter: AnswerFilter, next: Responder) {
    this.#filter = filter;
    this.#next = next;
  }

  interim(head: AnswerHead): boolean {
    return this.#filter.interim === undefined ? this.#next.interim(head) : this.#filter.interim(head, this.#next);
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    return this.#filter.start(head, source, this.#next);
  }

  /** The same steps, the last of which hands on to `exit`. */
  leadingTo(exit: Responder): AnswerStep {
    return new AnswerStep(this.#filter, this.#next instanceof AnswerStep ? this.#next.leadingTo(exit) : exit);
  }

  /** Adds `filter` behind the last step: answers pass it after all others. */
  append(filter: AnswerFilter): void {
    if (this.#next instanceof AnswerStep) this.#next.append(filter);
    else this.#next = new AnswerStep(filter, this.#next);
  }
}

/** A sink for what nobody wants. */
export const nowhere: BodySink = {
  data: () => {},
  flush: () => true,
  end: () => true,
  abort: () => {},
};

/** A sink that never throws: with the first exception of the one behind it the exchange ends, and that one gets no more. */
export class GuardedSink implements BodySink {
  readonly #exchange: { crash(error: unknown): void };
  #sink: BodySink;

  constructor(sink: BodySink, exchange: { crash(error: unknown): void }) {
    this.#sink = sink;
    this.#exchange = exchange;
  }

  data(chunk: Buffer): void {
    try {
      this.#sink.data(chunk);
    } catch (error) {
      this.#crash(error);
    }
  }

  flush(): boolean {
    try {
      return this.#sink.flush();
    } catch (error) {
      this.#crash(error);
      return false;
    }
  }

  end(trailers: Fields | null): boolean {
    try {
      return this.#sink.end(trailers);
    } catch (error) {
      this.#crash(error);
      return false;
    }
  }

  abort(code: ReasonCode): void {
    const sink = this.#sink;
    // Both the exchange and whoever gives the answer may break it off.
    this.#sink = nowhere;
    try {
      sink.abort(code);
    } catch (error) {
      this.#crash(error);
    }
  }

  #crash(error: unknown): void {
    this.#sink = nowhere;
    this.#exchange.crash(error);
  }
}
