/** Takes fields from trailers on their way: what `headers` removes from the header, or sets there, comes back nowhere. */
import type { BodyLength, BodySink, BodySource, RequestBody } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";

/** Hands a body on to another sink; its trailers lose some fields. */
export class TrailerRemoval implements BodySink {
  readonly #sink: BodySink;
  readonly #isRemoved: (lowerName: string) => boolean;

  /** @param isRemoved which fields go, by their name in lower case */
  constructor(sink: BodySink, isRemoved: (lowerName: string) => boolean) {
    this.#sink = sink;
    this.#isRemoved = isRemoved;
  }

  data(chunk: Buffer): void {
    this.#sink.data(chunk);
  }

  flush(): boolean {
    return this.#sink.flush();
  }

  end(trailers: Fields | null): boolean {
    const kept = trailers === null ? null : trailers.without(this.#isRemoved);
    return this.#sink.end(kept === null || kept.text === "" ? null : kept);
  }

  abort(code: ReasonCode): void {
    this.#sink.abort(code);
  }
}

/** A request body whose trailers lose some fields. */
export class BodyWithoutTrailers implements RequestBody {
  readonly #body: RequestBody;
  readonly #isRemoved: (lowerName: string) => boolean;

  /** @param isRemoved which fields go, by their name in lower case */
  constructor(body: RequestBody, isRemoved: (lowerName: string) => boolean) {
    this.#body = body;
    this.#isRemoved = isRemoved;
  }

  get length(): BodyLength {
    return this.#body.length;
  }

  get isRepeatable(): boolean {
    return this.#body.isRepeatable;
  }

  open(sink: BodySink): BodySource {
    return this.#body.open(new TrailerRemoval(sink, this.#isRemoved));
  }
}
