/**
 * The `compress` middleware: sends answers in the coding that the client likes best. What an answer must be like is in
 * `judge-answer.ts`, what its fields say then in `../recode/recoded-fields.ts`.
 *
 * The request goes on unchanged: an endpoint that compresses by itself may do so, and its answers are left alone.
 */
import { type AnswerFilter, type AnswerHead, type NextResponder, withFields } from "../../http/answer.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import { type Coding, negotiateCoding } from "../../http/content-coding.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { Middleware, MiddlewareContext } from "../middleware.ts";
import { CoderPlaces } from "../recode/coder-places.ts";
import { forbidsTransforming } from "../recode/no-transform.ts";
import { notModifiedFields, recodedFields, variedFields } from "../recode/recoded-fields.ts";
import { CompressMetrics } from "./compress-metrics.ts";
import { CompressedAnswer, type Compression } from "./compressed-answer.ts";
import { type Encoding, toEncoding } from "./encoders.ts";
import { type AnswerRules, judgeAnswer } from "./judge-answer.ts";
import { compileTypes } from "./media-types.ts";
import type { CompressOptions } from "./options.ts";

/** Creates the `compress` middleware. */
export function createCompress(options: CompressOptions, context: MiddlewareContext): Middleware {
  const metrics = new CompressMetrics(context.metrics, context.routeName);
  const rules: AnswerRules = { minBytes: options.minBytes, isListedType: compileTypes(options.types) };
  const compression: Compression = {
    minBytes: options.minBytes,
    places: new CoderPlaces("encoders", context, options.maxEncoders),
    metrics,
    wheel: context.wheel,
    onInternalError: (error) => context.onInternalError(error),
  };
  const encodings = new Map<Coding, Encoding>(
    options.codings.map((coding) => [coding, toEncoding(coding, options.levels[coding])]),
  );
  return (next) => (exchange) => {
    const { request } = exchange;
    if (!forbidsTransforming(request.field("cache-control"))) {
      const chosen = negotiateCoding(request.field("accept-encoding"), options.codings);
      const encoding = chosen === "identity" ? null : encodings.get(chosen)!;
      exchange.filterAnswer(new CompressFilter({ exchange, encoding, rules, compression }));
    }
    next(exchange);
  };
}

interface CompressFilterParts {
  readonly exchange: Exchange;
  /** Null = the client accepts none. */
  readonly encoding: Encoding | null;
  readonly rules: AnswerRules;
  readonly compression: Compression;
}

/** Compresses the answer of one exchange, or says in it that it could have been. */
class CompressFilter implements AnswerFilter {
  readonly #parts: CompressFilterParts;

  constructor(parts: CompressFilterParts) {
    this.#parts = parts;
  }

  start(head: AnswerHead, source: BodySource, next: NextResponder): BodySink {
    const { exchange, encoding, rules, compression } = this.#parts;
    const { request } = exchange;
    if (head.status === 304) {
      const fields = notModifiedFields(head.fields, {
        ifNoneMatch: request.field("if-none-match"),
        wouldRecode: encoding !== null,
        isRecodable: rules.isListedType,
      });
      return next.start(withFields(head, fields), source);
    }
    const isHead = request.method === "HEAD";
    const verdict = judgeAnswer(head, rules, isHead);
    if (verdict === "untouched") return next.start(head, source);
    // Whoever asked for a part of the content and gets all of it counts in bytes of it as it is.
    if (verdict === "varies" || encoding === null || asksForPart(exchange))
      return next.start(withFields(head, variedFields(head.fields)), source);
    if (!isHead) return new CompressedAnswer({ head, source, next, encoding, compression }).begin();
    const fields = recodedFields(head.fields, encoding.coding);
    return next.start({ ...plainHead(head), fields, declaredLength: null }, source);
  }
}

/** As the endpoint has been asked: a cache asks for the whole, whatever its client wants of that. */
function asksForPart({ request, changedRequest }: Exchange): boolean {
  return (changedRequest === null ? request.field("range") : changedRequest.fields.value("range")) !== null;
}

function plainHead({
  status,
  reasonPhrase,
  body,
  tunnel,
  from,
}: AnswerHead): Omit<AnswerHead, "fields" | "declaredLength"> {
  return { status, reasonPhrase, body, tunnel, from };
}
