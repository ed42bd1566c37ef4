/** The way of interim answers through the filters of their exchange. */
import type { AnswerHead, InterimTaker } from "./answer.ts";
import type { AnswerWay } from "./answer-way.ts";

/** A place on that way: takes interim answers before a number of filters. Never throws. */
export class InterimStep implements InterimTaker {
  readonly #way: AnswerWay;
  readonly #ahead: number;

  /** @param ahead how many filters are still to be passed */
  constructor(way: AnswerWay, ahead: number) {
    this.#way = way;
    this.#ahead = ahead;
  }

  interim(head: AnswerHead): boolean {
    const { exchange, client, filters } = this.#way;
    if (exchange.isHeadSent || exchange.isEnded) return true;
    let ahead = this.#ahead;
    while (ahead > 0 && filters[ahead - 1]!.interim === undefined) ahead--;
    try {
      return ahead === 0
        ? client.interim(head)
        : filters[ahead - 1]!.interim!(head, new InterimStep(this.#way, ahead - 1));
    } catch (error) {
      exchange.crashPastFilters(error);
      return true;
    }
  }
}
