/**
 * The `decompress` middleware: decodes answers whose coding the client does not accept. An endpoint should send none such;
 * those do that have one coding of everything, and caches that keep one.
 */
import { type AnswerFilter, type AnswerHead, type NextResponder, withFields } from "../../http/answer.ts";
import { type BodySink, type BodySource, nowhere } from "../../http/body.ts";
import { type AcceptedCodings, type Coding, parseAcceptEncoding } from "../../http/content-coding.ts";
import type { Exchange } from "../../http/exchange.ts";
import { families } from "../../observe/families.ts";
import { forbidsTransforming } from "../recode/no-transform.ts";
import type { Middleware, MiddlewareContext } from "../middleware.ts";
import { CoderPlaces } from "../recode/coder-places.ts";
import { notModifiedFields, recodedFields, variedFields } from "../recode/recoded-fields.ts";
import { DecodedBody, type Decoding } from "./decoded-body.ts";
import { codingOf } from "./decoders.ts";
import type { DecompressOptions } from "./options.ts";

/** Creates the `decompress` middleware. */
export function createDecompress(options: DecompressOptions, context: MiddlewareContext): Middleware {
  const decoding: Decoding = {
    maxRatio: options.maxRatio,
    places: new CoderPlaces("decoders", context, options.maxDecoders),
    wheel: context.wheel,
    onInternalError: (error) => context.onInternalError(error),
  };
  const onDecoded = (coding: Coding): void =>
    context.metrics.counter(families.decompressedAnswers, [context.routeName, coding]).add();
  return (next) => (exchange) => {
    if (!forbidsTransforming(exchange.request.field("cache-control")))
      exchange.filterAnswer(new DecompressFilter(exchange, decoding, onDecoded));
    next(exchange);
  };
}

/** Decodes the answer of one exchange, or says in it that it could have been. */
class DecompressFilter implements AnswerFilter {
  readonly #exchange: Exchange;
  readonly #decoding: Decoding;
  readonly #onDecoded: (coding: Coding) => void;
  readonly #accepted: AcceptedCodings;

  constructor(exchange: Exchange, decoding: Decoding, onDecoded: (coding: Coding) => void) {
    this.#exchange = exchange;
    this.#decoding = decoding;
    this.#onDecoded = onDecoded;
    this.#accepted = parseAcceptEncoding(exchange.request.field("accept-encoding"));
  }

  start(head: AnswerHead, source: BodySource, next: NextResponder): BodySink {
    const { request } = this.#exchange;
    const { fields } = head;
    if (head.status === 304) {
      const rules = { ifNoneMatch: request.field("if-none-match"), wouldRecode: false, isRecodable: () => false };
      return next.start(withFields(head, notModifiedFields(fields, rules)), source);
    }
    const coding = codingOf(fields.value("content-encoding"));
    if (coding === null || head.tunnel !== null || forbidsTransforming(fields.value("cache-control")))
      return next.start(head, source);
    const isPart = head.status === 206 || fields.value("content-range") !== null;
    if (isPart || this.#accepted.weightOf(coding) > 0)
      return next.start(withFields(head, variedFields(fields)), source);
    const decodedHead = toDecoded(head);
    if (head.body === 0) return next.start(decodedHead, source);
    if (!this.#decoding.places.enter()) {
      source.stop("OVERLOADED");
      return nowhere;
    }
    this.#onDecoded(coding);
    const body = new DecodedBody({ exchange: this.#exchange, source, coding, decoding: this.#decoding });
    body.start(next.start(decodedHead, body));
    return body;
  }
}

/** `head` of an answer without a coding; how long that is, nobody knows. */
function toDecoded({ status, reasonPhrase, fields, body, tunnel, from }: AnswerHead): AnswerHead {
  return {
    status,
    reasonPhrase,
    fields: recodedFields(fields, null),
    body: body === 0 ? 0 : "unknown",
    declaredLength: null,
    tunnel,
    from,
  };
}
