/**
 * The `bodyLimit` middleware: refuses longer request bodies than a route wants, without holding any of it (RFC 9110
 * section 15.5.14).
 */
import type { BodySink, BodySource, Exchange } from "../../http/exchange.ts";
import { Framing } from "../../http/message.ts";
import type { Middleware } from "../middleware.ts";
import type { BodyLimitOptions } from "./options.ts";

/** Creates the `bodyLimit` middleware: longer request bodies are answered 413. */
export function createBodyLimit({ maxRequestBytes }: BodyLimitOptions): Middleware {
  return (next) => (exchange) => {
    const { framing, contentLength } = exchange.request;
    if (contentLength > maxRequestBytes) return exchange.responder.fail("BODY_TOO_LARGE");
    // A body of known length cannot be longer than that.
    if (framing === Framing.chunked) exchange.body = new CountedBody(exchange, maxRequestBytes);
    next(exchange);
  };
}

/** Stands between the body and whoever takes it, and counts. */
class CountedBody implements BodySink, BodySource {
  readonly #exchange: Exchange;
  readonly #source: BodySource;
  readonly #maxBytes: number;
  #sink: BodySink | null = null;
  #bytes = 0;
  #isTooLarge = false;

  constructor(exchange: Exchange, maxBytes: number) {
    this.#exchange = exchange;
    this.#source = exchange.body;
    this.#maxBytes = maxBytes;
  }

  startBody(sink: BodySink): void {
    this.#sink = sink;
    this.#bytes = 0;
    this.#source.startBody(this);
  }

  resumeBody(): void {
    this.#source.resumeBody();
  }

  get isRepeatable(): boolean {
    return this.#source.isRepeatable === true;
  }

  onBodyData(chunk: Buffer): void {
    if (this.#isTooLarge) return;
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#maxBytes) return this.#sink!.onBodyData(chunk);
    this.#isTooLarge = true;
    // Whoever has taken the beginning must not take it for the whole.
    const { listener, responder } = this.#exchange;
    this.#exchange.listener = null;
    listener?.onCancel("BODY_TOO_LARGE");
    responder.fail("BODY_TOO_LARGE");
  }

  onBodyFlush(): boolean {
    return !this.#isTooLarge && this.#sink!.onBodyFlush();
  }

  onBodyEnd(trailers: string): boolean {
    return this.#isTooLarge || this.#sink!.onBodyEnd(trailers);
  }
}
