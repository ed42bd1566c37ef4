/**
 * Answers on their way to a client, without a protocol: the head, who takes it, and what may stand before whoever takes
 * it. Framing and hop-by-hop fields are in no head: the client's side writes those of its protocol, behind all filters.
 */
import type { BodyLength, BodySink, BodySource } from "./body.ts";
import { Fields } from "./field-section.ts";

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

/** Takes the answer to one exchange. */
export interface Responder {
  /**
   * Takes an interim answer, 103 for instance. @returns false if no more should come until the client has taken it; then
   * `Answerer.resume` is called
   */
  interim(head: AnswerHead): boolean;
  /** Takes the head of the only final answer. @param source gives its body. @returns where that body goes */
  start(head: AnswerHead, source: BodySource): BodySink;
}

/**
 * Stands before an answer, whoever gives it: an endpoint, the route, a middleware, or the proxy with an error. A filter
 * that only changes the head returns what `next.start` returns, so that the body does not pass it.
 */
export interface AnswerFilter {
  /** Hands the answer on to `next`, as it is, changed, later, or another one in its place. */
  start(head: AnswerHead, source: BodySource, next: Responder): BodySink;
  /** The same for interim answers other than 100; a filter without this method lets them pass. */
  interim?(head: AnswerHead, next: Responder): boolean;
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
