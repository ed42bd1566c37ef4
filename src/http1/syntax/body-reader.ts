/**
 * Reads one message body off a connection's bytes, delimited by length or chunked, and hands on its pieces. Used by
 * both sides.
 *
 * Tiny chunks are gathered: a read of 64 KiB may hold ten thousand of one byte, and a buffer, a queue entry or a write
 * for each costs a hundred times its bytes. They are moved together within the read's own memory, over the chunk lines
 * between them, which have been read. So a read of N bytes gives at most N / 1,024 + 1 pieces.
 */
import type { ReasonCode } from "../../http/reason.ts";
import { type BodySide, ChunkedDecoder, ChunkEvent } from "./chunked-decoder.ts";

/** Up to this size a chunk is moved to the one before it. */
const maxMovedBytes = 1_024;

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
  /** It had lines that a strict reader refuses. */
  wasRepaired = false;
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
    this.wasRepaired = false;
    this.#remaining = length;
    this.#isChunked = false;
  }

  startChunked(): void {
    this.isOpen = true;
    this.failure = null;
    this.trailers = "";
    this.wasRepaired = false;
    this.#isChunked = true;
    (this.#decoder ??= new ChunkedDecoder(this.#side)).reset();
  }

  /** Bytes that are still to come; infinite if nobody knows. */
  get remaining(): number {
    return this.#isChunked ? Number.POSITIVE_INFINITY : this.#remaining;
  }

  /**
   * Reads `bytes[at, end)` as far as they belong to the body; what was read of `bytes` may have changed afterwards.
   * @returns the offset of the first byte that was not consumed
   */
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
    // The piece that is gathered: `bytes[from, to)`.
    let from = 0;
    let to = 0;
    for (;;) {
      at = decoder.next(bytes, at, end);
      const { event } = decoder;
      if (event === ChunkEvent.data) {
        const { dataStart, dataEnd } = decoder;
        if (to > from && dataEnd - dataStart <= maxMovedBytes) {
          to = move(bytes, dataStart, dataEnd, to);
          continue;
        }
        if (to > from) receiver.onBodyPiece(bytes.subarray(from, to));
        from = dataStart;
        to = dataEnd;
        continue;
      }
      if (to > from) receiver.onBodyPiece(bytes.subarray(from, to));
      if (event === ChunkEvent.needMore) return at;
      this.isOpen = false;
      this.wasRepaired = decoder.wasRepaired;
      if (event === ChunkEvent.end) this.trailers = decoder.trailers;
      else this.failure = event === ChunkEvent.badTrailer ? "BAD_TRAILER" : "BAD_CHUNK";
      return at;
    }
  }
}

/** Moves `bytes[start, end)` to `target`, which lies before. @returns the end of what was moved */
function move(bytes: Buffer, start: number, end: number, target: number): number {
  // A call costs more than a few bytes do.
  if (end - start > 32) bytes.copyWithin(target, start, end);
  else for (let at = start, to = target; at < end; at++, to++) bytes[to] = bytes[at]!;
  return target + end - start;
}
