/** One answer that is to be compressed: from its head to the encoder, or to the client as it is. */
import { type AnswerHead, type NextResponder, withFields } from "../../http/answer.ts";
import type { BodyLength, BodySink, BodySource } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { CoderPlaces } from "../recode/coder-places.ts";
import { InputBlocks } from "../recode/input-blocks.ts";
import { RecodedBody, type RecodedBodyHost } from "../recode/recoded-body.ts";
import { recodedFields, recodedTrailers, variedFields } from "../recode/recoded-fields.ts";
import type { CompressMetrics } from "./compress-metrics.ts";
import { createEncoder, encodeAtOnce, type Encoding } from "./encoders.ts";
import { type BodyPlan, GatheredBody } from "./gathered-body.ts";
import { isEventStream } from "./media-types.ts";

/** What all answers of a route have in common. */
export interface Compression {
  readonly minBytes: number;
  readonly places: CoderPlaces;
  readonly metrics: CompressMetrics;
  readonly wheel: TimerWheel;
  onInternalError(error: unknown): void;
}

/** What a compressed answer is made of. */
export interface CompressedAnswerParts {
  readonly head: AnswerHead;
  readonly source: BodySource;
  readonly next: NextResponder;
  readonly encoding: Encoding;
  readonly compression: Compression;
}

/** Sends `parts.head` and its body on, compressed if that is possible. */
export class CompressedAnswer implements BodyPlan, RecodedBodyHost {
  readonly #head: AnswerHead;
  readonly #source: BodySource;
  readonly #next: NextResponder;
  readonly #encoding: Encoding;
  readonly #compression: Compression;

  constructor({ head, source, next, encoding, compression }: CompressedAnswerParts) {
    this.#head = head;
    this.#source = source;
    this.#next = next;
    this.#encoding = encoding;
    this.#compression = compression;
  }

  /** @returns where the body goes */
  begin(): BodySink {
    const { body: length } = this.#head;
    const { minBytes, wheel } = this.#compression;
    const { maxBytesAtOnce } = this.#encoding;
    const isGathered = length === "unknown" ? !this.#isEventStream : length <= maxBytesAtOnce;
    if (!isGathered) return this.stream();
    return new GatheredBody(this, { wheel, maxBytes: Math.max(minBytes, maxBytesAtOnce), length });
  }

  // `BodyPlan`.

  sendWhole(body: Buffer, trailers: Fields | null): boolean {
    const { minBytes, metrics } = this.#compression;
    const { coding, maxBytesAtOnce } = this.#encoding;
    if (body.length < minBytes) return this.#sendPlain(body, trailers);
    if (body.length > maxBytesAtOnce) {
      const sink = this.stream();
      sink.data(body);
      return sink.end(trailers);
    }
    const content = encodeAtOnce(this.#encoding, body);
    // What cannot be made shorter is random, or compressed under a wrong name.
    if (content.length >= body.length) return this.#sendPlain(body, trailers);
    metrics.count(coding, body.length, content.length);
    InputBlocks.giveBack(body);
    const kept = recodedTrailers(trailers);
    const sink = this.#next.start(this.#recodedHead(kept === null ? content.length : "unknown"), this.#source);
    sink.data(content);
    return sink.end(kept);
  }

  stream(): BodySink {
    const { places, metrics, wheel } = this.#compression;
    if (!places.enter()) {
      metrics.countSkipped();
      return this.#next.start(this.#variedHead, this.#source);
    }
    const { body: length } = this.#head;
    const byteLength = length === "unknown" ? null : length;
    const isFlushedEach = this.#isEventStream;
    const recoded = new RecodedBody({
      coder: createEncoder(this.#encoding, { byteLength, isFlushedEach }),
      flushKind: this.#encoding.flushKind,
      pace: isFlushedEach ? "never" : byteLength === null ? "caught up" : "paused",
      source: this.#source,
      wheel,
      host: this,
    });
    recoded.start(this.#next.start(this.#recodedHead("unknown"), recoded));
    return recoded;
  }

  // `RecodedBodyHost`.

  onRecoded(bytesIn: number, bytesOut: number): void {
    const { places, metrics } = this.#compression;
    places.leave();
    metrics.count(this.#encoding.coding, bytesIn, bytesOut);
  }

  onBadInput(error: Error | null): ReasonCode {
    // An encoder takes any input.
    this.onInternalError(error);
    return "INTERNAL_ERROR";
  }

  onInternalError(error: unknown): void {
    this.#compression.onInternalError(error);
  }

  get #isEventStream(): boolean {
    return isEventStream(this.#head.fields.value("content-type") ?? "");
  }

  #sendPlain(body: Buffer, trailers: Fields | null): boolean {
    const { body: length } = this.#head;
    const head = length === "unknown" && trailers === null ? withBody(this.#variedHead, body.length) : this.#variedHead;
    const sink = this.#next.start(head, this.#source);
    if (body.length > 0) sink.data(body);
    return sink.end(trailers);
  }

  get #variedHead(): AnswerHead {
    return withFields(this.#head, variedFields(this.#head.fields));
  }

  #recodedHead(length: BodyLength): AnswerHead {
    const head = withFields(this.#head, recodedFields(this.#head.fields, this.#encoding.coding));
    return withBody(head, length);
  }
}

/** `head`, with a body of another length. */
function withBody({ status, reasonPhrase, fields, tunnel, from }: AnswerHead, body: BodyLength): AnswerHead {
  return { status, reasonPhrase, fields, body, declaredLength: body === "unknown" ? null : body, tunnel, from };
}
