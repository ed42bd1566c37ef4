/** What an answer passes between whoever gives it and the client. */
import type { AnswerFilter, Responder } from "./answer.ts";
import { type BodySink, type BodySource, nowhere } from "./body.ts";
import type { ReasonCode } from "./reason.ts";

/** The exchange as its filters, and the answers that pass them, see it. */
export interface FilteredExchange {
  readonly isHeadSent: boolean;
  readonly isEnded: boolean;
  /** Nobody goes on with the answer: the exchange is answered with `code`, or breaks off. */
  fail(code: ReasonCode): void;
  /** A bug in a filter, or behind one, has ended the answer: the exchange is answered past its filters, or breaks off. */
  crashPastFilters(error: unknown): void;
  /** A bug that is of no consequence for the exchange any more. */
  onInternalError(error: unknown): void;
}

/** What an answer passes: an exchange, its client's side, and the filters, the one that is passed last first. */
export interface AnswerWay {
  readonly exchange: FilteredExchange;
  readonly client: Responder;
  readonly filters: readonly AnswerFilter[];
}

/** Tells the giver of an answer that nobody takes it: there is another, or the exchange is over. */
export function turnAway(source: BodySource, report: { onInternalError(error: unknown): void }): BodySink {
  try {
    source.stop("CLIENT_GONE");
  } catch (error) {
    report.onInternalError(error);
  }
  return nowhere;
}
