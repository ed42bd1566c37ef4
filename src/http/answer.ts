/**
 * Answers on their way to a client, without a protocol: the head, who takes it, and what may stand before whoever takes
 * it. Framing and hop-by-hop fields are in no head: the client's side writes those of its protocol, behind all filters.
 */
import type { BodyLength, BodySink, BodySource } from "./body.ts";
import { Fields } from "./fields.ts";

/** The head of an answer. Immutable: whoever changes something makes another one, with `withFields` for instance. */
export interface AnswerHead {
  readonly status: number;
  /** As HTTP/1.1 had it, or the empty string; protocols without one leave it out (RFC 9112 section 4). */
  readonly reasonPhrase: string;
  readonly fields: Fields;
  /** What comes behind the head: 0 if there is no content, or none for this method. */
  readonly body: BodyLength;
  /**
   * What Content-Length says, also if the content is left out because the method is HEAD or the status 304 (RFC 9110
   * section 8.6); null if it is not known.
   */
  readonly declaredLength: number | null;
  /** The protocol that the connection carries from here on, in both directions; null = HTTP goes on. */
  readonly tunnel: string | null;
  /** Who has made it: an endpoint, or the proxy itself. */
  readonly from: "endpoint" | "proxy";
}

/** Takes interim answers, 103 for instance. */
export interface InterimTaker {
  /** @returns false if no more should come until the client has taken it; then `Answerer.resume` is called */
  interim(head: AnswerHead): boolean;
}

/** Takes the answer to one exchange. */
export interface Responder extends InterimTaker {
  /** Takes the head of the only final answer. @param source gives its body. @returns where that body goes */
  start(head: AnswerHead, source: BodySource): BodySink;
}

/** What a filter hands the answer on to. Nothing of it throws, whenever it is called. */
export interface NextResponder extends Responder {
  /**
   * As `start`, for an answer that takes the place of the one that the filter was given: nobody wants that one any
   * more. Its source is stopped, the filter's sink gets nothing of it, and if it fails the exchange does not.
   */
  replace(head: AnswerHead, source: BodySource): BodySink;
}

/**
 * Stands before an answer, whoever gives it: an endpoint, the route, a middleware, or the proxy with an error. A filter
 * that only changes the head returns what `next.start` returns, so that the body does not pass it.
 *
 * A filter owes an answer for the one that it is given: it hands one on, at once or later, and gives it a body that ends.
 * What comes to the client if it does not, is decided by the exchange:
 * - `source.stop(code)` gives the answer up, and what was handed on of it breaks off, unless that has ended. The
 *   exchange fails with `code`: if its head has not reached the client, because this filter or another one holds it
 *   back, the client gets the proxy's answer for `code`, which passes all filters; else it breaks off.
 * - `abort(code)` says that what the filter was given is of no use any more. It comes once, and even if the body has
 *   ended as long as the filter holds some of it. What the filter has handed on breaks off with it, and it can hand
 *   nothing on any more: the exchange fails as above.
 * - A filter that wants to go on by itself says so by `next.replace`.
 * - An exception ends the exchange as INTERNAL_ERROR, past all filters. What a filter does in a timer or a promise of
 *   its own it must catch itself; what it calls there does not throw.
 */
export interface AnswerFilter {
  /**
   * Hands the answer on to `next`, as it is, changed, later, or another one in its place. @param source, `next` nothing
   * that the filter calls of them, or of the sink that `next` gives it, throws
   */
  start(head: AnswerHead, source: BodySource, next: NextResponder): BodySink;
  /** The same for interim answers other than 100; a filter without this method lets them pass. */
  interim?(head: AnswerHead, next: InterimTaker): boolean;
}

/** Tells the client to send its body (RFC 9110 section 15.2.1). It passes no filter: it is about the request. */
export const continueHead: AnswerHead = {
  status: 100,
  reasonPhrase: "Continue",
  fields: Fields.none,
  body: 0,
  declaredLength: null,
  tunnel: null,
  from: "proxy",
};

/** `head` with other fields. */
export function withFields(head: AnswerHead, fields: Fields): AnswerHead {
  return fields === head.fields ? head : new ChangedHead(head, fields);
}

class ChangedHead implements AnswerHead {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly fields: Fields;
  readonly body: BodyLength;
  readonly declaredLength: number | null;
  readonly tunnel: string | null;
  readonly from: "endpoint" | "proxy";

  constructor(head: AnswerHead, fields: Fields) {
    this.status = head.status;
    this.reasonPhrase = head.reasonPhrase;
    this.fields = fields;
    this.body = head.body;
    this.declaredLength = head.declaredLength;
    this.tunnel = head.tunnel;
    this.from = head.from;
  }
}

/** Adds fields to the final answer. */
export class AddedFields implements AnswerFilter {
  readonly #lines: string;

  /** @param lines validated field lines */
  constructor(lines: string) {
    this.#lines = lines;
  }

  start(head: AnswerHead, source: BodySource, next: Responder): BodySink {
    return next.start(withFields(head, head.fields.plusText(this.#lines)), source);
  }
}
