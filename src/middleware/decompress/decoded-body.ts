/**
 * The body of one answer on its way through a decoder, which is made with its first byte: that tells two kinds of
 * `deflate` apart, and a body that turns out to be empty needs none.
 */
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { type BodySink, type BodySource, nowhere } from "../../http/body.ts";
import type { Coding } from "../../http/content-coding.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { CoderPlaces } from "../recode/coder-places.ts";
import { RecodedBody, type RecodedBodyHost } from "../recode/recoded-body.ts";
import { recodedTrailers } from "../recode/recoded-fields.ts";
import { createDecoder } from "./decoders.ts";

/** So much may come out of anything: what gets long is looked at. */
const freeBytes = 1_048_576;

/** What all answers of a route have in common. */
export interface Decoding {
  readonly maxRatio: number;
  readonly places: CoderPlaces;
  readonly wheel: TimerWheel;
  onInternalError(error: unknown): void;
}

/** What a decoded body is made of. */
export interface DecodedBodyParts {
  readonly exchange: Exchange;
  /** Gives the body that is decoded. */
  readonly source: BodySource;
  readonly coding: Coding;
  /** A place was taken there. */
  readonly decoding: Decoding;
}

/** Decodes one body. `start` it when the head has gone on. */
export class DecodedBody implements BodySink, BodySource, RecodedBodyHost {
  readonly #exchange: Exchange;
  readonly #source: BodySource;
  readonly #coding: Coding;
  readonly #decoding: Decoding;
  #sink: BodySink = nowhere;
  #recoded: RecodedBody | null = null;
  #hasPlace = true;

  constructor({ exchange, source, coding, decoding }: DecodedBodyParts) {
    this.#exchange = exchange;
    this.#source = source;
    this.#coding = coding;
    this.#decoding = decoding;
  }

  /** What comes out goes to `sink`. */
  start(sink: BodySink): void {
    this.#sink = sink;
  }

  data(chunk: Buffer): void {
    if (chunk.length === 0 || !this.#hasPlace) return;
    (this.#recoded ?? this.#begin(chunk[0]!)).data(chunk);
  }

  flush(): boolean {
    return this.#recoded === null ? this.#sink.flush() : this.#recoded.flush();
  }

  end(trailers: Fields | null): boolean {
    if (this.#recoded !== null) return this.#recoded.end(trailers);
    this.#leave();
    return this.#sink.end(recodedTrailers(trailers));
  }

  abort(code: ReasonCode): void {
    if (this.#recoded !== null) return this.#recoded.abort(code);
    this.#leave();
    this.#sink.abort(code);
  }

  resume(): void {
    (this.#recoded ?? this.#source).resume();
  }

  stop(code: ReasonCode): void {
    if (this.#recoded !== null) return this.#recoded.stop(code);
    this.#leave();
    this.#source.stop(code);
  }

  // `RecodedBodyHost`.

  onRecoded(): void {
    this.#leave();
  }

  isTooMuch(bytesIn: number, bytesOut: number): boolean {
    return bytesOut > freeBytes && bytesOut > bytesIn * this.#decoding.maxRatio;
  }

  onBadInput(error: Error | null): ReasonCode {
    const { record } = this.#exchange;
    if (record.detail === "")
      record.detail = error === null ? "the decoded body is too long" : `${this.#coding}: ${error.message}`;
    return "UPSTREAM_BAD_CODING";
  }

  onInternalError(error: unknown): void {
    this.#decoding.onInternalError(error);
  }

  #begin(firstByte: number): RecodedBody {
    const recoded = new RecodedBody({
      coder: createDecoder(this.#coding, firstByte),
      flushKind: 0,
      // A decoder gives all that it can as it reads.
      pace: "never",
      source: this.#source,
      wheel: this.#decoding.wheel,
      host: this,
    });
    this.#recoded = recoded;
    recoded.start(this.#sink);
    return recoded;
  }

  #leave(): void {
    if (!this.#hasPlace) return;
    this.#hasPlace = false;
    this.#decoding.places.leave();
  }
}
