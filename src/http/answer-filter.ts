/**
 * What stands before the answers of an exchange, whoever gives them: an endpoint, the route, a middleware or the
 * connection itself. Every filter is added when the request passes its place; an answer passes them in the opposite
 * order, so that it sees those that the request has passed, and no others. 100 passes none: it is about the request.
 */
import type { Exchange } from "./exchange.ts";

/**
 * Changes the field lines of answers. Framing and hop-by-hop fields are none of its business: the client's connection
 * writes them behind all filters.
 */
export interface AnswerFilter {
  /**
   * @param fields complete field lines. @param status also 101 and other interim ones. @returns the lines that go on
   */
  filterFields(fields: string, status: number, exchange: Exchange): string;
}

/** Adds lines to the answer; interim answers other than 101 go without. */
export class AddedLines implements AnswerFilter {
  readonly #lines: string;

  /** @param lines complete field lines */
  constructor(lines: string) {
    this.#lines = lines;
  }

  filterFields(fields: string, status: number): string {
    return status < 200 && status !== 101 ? fields : fields + this.#lines;
  }
}

/** The field lines of an answer of `exchange`, as they leave. */
export function filterAnswerFields(exchange: Exchange, fields: string, status: number): string {
  const filters = exchange.answerFilters;
  let lines = fields;
  if (filters !== null)
    for (let at = filters.length - 1; at >= 0; at--) lines = filters[at]!.filterFields(lines, status, exchange);
  return status >= 200 || status === 101 ? lines + exchange.lastAnswerFields : lines;
}
