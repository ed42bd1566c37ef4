/**
 * The filters of an exchange, and the answers that pass them: every filter that the request has passed, in the opposite
 * order, and no others. An exchange without filters has no path.
 */
import type { AnswerFilter, AnswerHead, Responder } from "./answer.ts";
import { PassingAnswer } from "./answer-link.ts";
import type { AnswerWay, FilteredExchange } from "./answer-way.ts";
import type { BodySink, BodySource } from "./body.ts";
import { InterimStep } from "./interim-step.ts";

/** Leads the answers of one exchange through its filters. Nothing of it throws. */
export class AnswerPath implements AnswerWay {
  readonly exchange: FilteredExchange;
  readonly client: Responder;
  /** The one that is passed last first. */
  filters: AnswerFilter[] = [];
  #answer: PassingAnswer | null = null;

  constructor(exchange: FilteredExchange, client: Responder) {
    this.exchange = exchange;
    this.client = client;
  }

  /** Whatever answer is given from now on passes `filter` before the others. */
  add(filter: AnswerFilter): void {
    this.#own();
    this.filters.push(filter);
  }

  /** Whatever answer is given from now on passes `filter` after all others. */
  addLast(filter: AnswerFilter): void {
    this.#own();
    this.filters.unshift(filter);
  }

  /** An answer that is on its way passes the filters that there were when it was given. */
  #own(): void {
    if (this.#answer !== null) this.filters = this.filters.slice();
  }

  interim(head: AnswerHead): boolean {
    return new InterimStep(this, this.filters.length).interim(head);
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    this.#answer = new PassingAnswer(this);
    return this.#answer.begin(head, source);
  }

  /** Closes the answer that is on its way. @returns it, to be broken off; null if there is none */
  close(): PassingAnswer | null {
    const answer = this.#answer;
    this.#answer = null;
    answer?.close();
    return answer;
  }
}
