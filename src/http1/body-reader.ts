/** Reads one message body off a connection's bytes, delimited by length or chunked, and hands on its pieces. Used by both sides. */
import type { ReasonCode } from "../http/reason.ts";
import { type BodySide, ChunkedDecoder, ChunkEvent } from "./chunked-decoder.ts";

/** Takes the pieces of a body. */
export interface PieceReceiver {
  onBodyPiece(piece: Buffer): void;
}

/** A body being read. One a connection, started again for every message. */
export class BodyReader {
  /** More bytes belong to it. */
  isOpen = false;
  /** Why it cannot be read on, or null. Then it is no longer open. */
  failure: ReasonCode | null = null;
  /** Forwardable trailer lines of a complete chunked body. */
  trailers = "";
  #remaining = 0;
  #decoder: ChunkedDecoder | null = null;
  #isChunked = false;
  readonly #side: BodySide;

  constructor(side: BodySide) {
    this.#side = side;
  }

  /** A body of `length` bytes follows; none = it is complete already. */
  startLength(length: number): void {
    this.isOpen = length > 0;
    this.failure = null;
    this.trailers = "";
    this.#remaining = length;
    this.#isChunked = false;
  }

  startChunked(): void {
    this.isOpen = true;
    this.failure = null;
    this.trailers = "";
    this.#isChunked = true;
    (this.#decoder ??= new ChunkedDecoder(this.#side)).reset();
  }

  /** Bytes that are still to come; infinite where nobody knows. */
  get remaining(): number {
    return this.#isChunked ? Number.POSITIVE_INFINITY : this.#remaining;
  }

  /** Reads `bytes[at, end)` as far as they belong to the body. @returns the offset of the first byte that was not consumed */
  read(bytes: Buffer, at: number, end: number, receiver: PieceReceiver): number {
    return this.#isChunked ? this.#readChunked(bytes, at, end, receiver) : this.#readLength(bytes, at, end, receiver);
  }

  #readLength(bytes: Buffer, at: number, end: number, receiver: PieceReceiver): number {
    const stop = Math.min(end, at + this.#remaining);
    this.#remaining -= stop - at;
    if (this.#remaining === 0) this.isOpen = false;
    receiver.onBodyPiece(at === 0 && stop === bytes.length ? bytes : bytes.subarray(at, stop));
    return stop;
  }

  #readChunked(bytes: Buffer, start: number, end: number, receiver: PieceReceiver): number {
    const decoder = this.#decoder!;
    let at = start;
    for (;;) {
      at = decoder.next(bytes, at, end);
      switch (decoder.event) {
        case ChunkEvent.data:
          receiver.onBodyPiece(bytes.subarray(decoder.dataStart, decoder.dataEnd));
          break;
        case ChunkEvent.needMore:
          return at;
        case ChunkEvent.end:
          this.isOpen = false;
          this.trailers = decoder.trailers;
          return at;
        default:
          this.isOpen = false;
          this.failure = decoder.event === ChunkEvent.badTrailer ? "BAD_TRAILER" : "BAD_CHUNK";
          return at;
      }
    }
  }
}
