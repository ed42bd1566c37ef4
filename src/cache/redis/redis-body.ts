/**
 * A body that was found in Redis, on its way to a sink: its beginning came with the head, the rest is fetched piece by
 * piece, each when the sink can take it. A piece that is gone or damaged breaks the body off; nothing of it goes out.
 */
import type { BodySink, BodySource } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import type { StoredBody } from "../cache-store.ts";
import { checksumOf } from "./checksum.ts";
import { beginningBytes, type FoundHead, pieceBytes } from "./stored-head.ts";

/** What a store does for the bodies that were found in it. */
export interface BodyHost {
  /** Fetches piece `at` of the body of `head`, as it is stored; null = it is not to be had. */
  fetchPiece(head: FoundHead, at: number, done: (piece: Buffer | null) => void): void;
  /** A body is being read, and no more. */
  noteReading(reading: RedisReading): void;
  noteRead(reading: RedisReading): void;
}

/** What was found under a key. */
export class RedisBody implements StoredBody {
  readonly answer: StoredAnswer;
  readonly isGrowing = false;
  readonly head: FoundHead;
  /** The last purge when it was found, as digits. */
  readonly position: string;
  readonly #host: BodyHost;

  constructor(host: BodyHost, found: { head: FoundHead; answer: StoredAnswer; position: string }) {
    this.#host = host;
    this.head = found.head;
    this.answer = found.answer;
    this.position = found.position;
  }

  open(start: number, end: number, sink: BodySink): BodySource {
    const reading = new RedisReading(this.#host, this.head, { start, end, sink });
    reading.resume();
    return reading;
  }

  release(): void {}
}

/** One body that is being read. */
export class RedisReading implements BodySource {
  readonly #host: BodyHost;
  readonly #head: FoundHead;
  readonly #sink: BodySink;
  readonly #end: number;
  /** The next byte to be given. */
  #at: number;
  /** What was fetched last, and its first byte in the body. */
  #chunk: Buffer;
  #chunkAt = 0;
  #isFetching = false;
  #isGiving = false;
  #isPaused = false;
  #isOver = false;

  constructor(host: BodyHost, head: FoundHead, reading: { start: number; end: number; sink: BodySink }) {
    this.#host = host;
    this.#head = head;
    this.#sink = reading.sink;
    this.#end = Math.min(reading.end, head.bodyBytes);
    this.#at = reading.start;
    this.#chunk = head.beginning;
    host.noteReading(this);
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isGiving) this.#give();
  }

  stop(): void {
    this.#finish();
  }

  /** Breaks off: the store is closed, or a piece is not to be had. */
  breakOff(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#sink.abort("UPSTREAM_TRUNCATED");
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.noteRead(this);
  }

  /** Gives what is at hand as long as the sink takes it, and fetches what comes next. */
  #give(): void {
    this.#isGiving = true;
    while (!this.#isOver && !this.#isPaused && !this.#isFetching) {
      if (this.#at >= this.#end) {
        this.#finish();
        this.#sink.end(null);
        break;
      }
      const from = this.#at - this.#chunkAt;
      if (from < 0 || from >= this.#chunk.length) {
        this.#fetch();
        continue;
      }
      const part = this.#chunk.subarray(from, Math.min(this.#chunk.length, this.#end - this.#chunkAt));
      this.#at += part.length;
      this.#sink.data(part);
      // What ends the body goes out with its end.
      if (this.#at < this.#end && !this.#isOver && !this.#sink.flush()) this.#isPaused = true;
    }
    this.#isGiving = false;
  }

  #fetch(): void {
    const at = Math.floor((this.#at - beginningBytes) / pieceBytes);
    const chunkAt = beginningBytes + at * pieceBytes;
    this.#isFetching = true;
    this.#host.fetchPiece(this.#head, at, (piece) => {
      this.#isFetching = false;
      if (this.#isOver) return;
      const bytes = piece === null ? null : readPiece(piece, Math.min(pieceBytes, this.#head.bodyBytes - chunkAt));
      if (bytes === null) {
        this.breakOff();
        return;
      }
      this.#chunk = bytes;
      this.#chunkAt = chunkAt;
      if (!this.#isGiving) this.#give();
    });
  }
}

const sumBytes = 4;

/** A piece as it is stored: its checksum before it. */
export function writePiece(bytes: Buffer): Buffer {
  const piece = Buffer.allocUnsafe(sumBytes + bytes.length);
  piece.writeUInt32BE(checksumOf(bytes));
  piece.set(bytes, sumBytes);
  return piece;
}

/** The bytes of a stored piece; null if they are not the ones that were written. */
function readPiece(piece: Buffer, length: number): Buffer | null {
  if (piece.length !== sumBytes + length) return null;
  const bytes = piece.subarray(sumBytes);
  return checksumOf(bytes) === piece.readUInt32BE(0) ? bytes : null;
}
