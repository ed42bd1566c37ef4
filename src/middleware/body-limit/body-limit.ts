/**
 * The `bodyLimit` middleware: refuses longer request bodies than a route wants, without holding any of it (RFC 9110
 * section 15.5.14).
 */
import type { BodyLength, BodySink, BodySource, RequestBody } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { Middleware } from "../middleware.ts";
import type { BodyLimitOptions } from "./options.ts";

/** Creates the `bodyLimit` middleware: longer request bodies are answered 413. */
export function createBodyLimit({ maxRequestBytes }: BodyLimitOptions): Middleware {
  return (next) => (exchange) => {
    const { length } = exchange.body;
    // A body of known length cannot be longer than that.
    if (length === "unknown") exchange.body = new CountedBody(exchange, maxRequestBytes);
    else if (length > maxRequestBytes) return exchange.fail("BODY_TOO_LARGE");
    next(exchange);
  };
}

/** Stands between the body and whoever takes it, and counts. */
class CountedBody implements RequestBody, BodySink {
  readonly #exchange: Exchange;
  readonly #body: RequestBody;
  readonly #maxBytes: number;
  #sink: BodySink | null = null;
  #bytes = 0;
  #isTooLarge = false;

  constructor(exchange: Exchange, maxBytes: number) {
    this.#exchange = exchange;
    this.#body = exchange.body;
    this.#maxBytes = maxBytes;
  }

  get length(): BodyLength {
    return this.#body.length;
  }

  get isRepeatable(): boolean {
    return this.#body.isRepeatable;
  }

  open(sink: BodySink): BodySource {
    this.#sink = sink;
    this.#bytes = 0;
    return this.#body.open(this);
  }

  data(chunk: Buffer): void {
    if (this.#isTooLarge) return;
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#maxBytes) return this.#sink!.data(chunk);
    this.#isTooLarge = true;
    this.#sink!.abort("BODY_TOO_LARGE");
    this.#exchange.fail("BODY_TOO_LARGE");
  }

  flush(): boolean {
    return !this.#isTooLarge && this.#sink!.flush();
  }

  end(trailers: Fields | null): boolean {
    return this.#isTooLarge || this.#sink!.end(trailers);
  }

  abort(code: ReasonCode): void {
    if (!this.#isTooLarge) this.#sink!.abort(code);
  }
}
