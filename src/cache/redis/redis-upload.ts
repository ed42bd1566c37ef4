/**
 * Takes a draft to the server while it is being written, as one more reader of it: piece by piece, a few at a time. The
 * head follows when the draft is committed and every piece has arrived; until then nobody finds it. If the server
 * stalls, the upload ends, and nobody who reads the draft notices.
 */
import type { BodySink, BodySource } from "../../http/body.ts";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { beginningBytes, pieceBytes } from "./stored-head.ts";

/** How many pieces of one body may be on their way. */
const maxPiecesUnderWay = 2;

/** What is to be stored under the key: everything but the pieces, which are there. */
export interface UploadedAnswer {
  readonly answer: StoredAnswer;
  readonly id: string;
  readonly bodyBytes: number;
  readonly beginning: Buffer;
}

/** What a store does for its uploads. */
export interface UploadHost {
  /** Whether more bytes may be on their way at the moment; those who were told no are resumed later. */
  hasRoom(upload: RedisUpload): boolean;
  /** Sends piece `at`. @param done whether it has arrived */
  sendPiece(id: string, at: number, bytes: Buffer, done: (hasArrived: boolean) => void): void;
  /** The body and what is said of it are complete. */
  storeHead(uploaded: UploadedAnswer): void;
  /** It is over, one way or the other. */
  noteOver(upload: RedisUpload): void;
}

/** One draft on its way to the server. */
export class RedisUpload implements BodySink {
  readonly #host: UploadHost;
  readonly #id: string;
  #source: BodySource | null = null;
  /** What is not sent yet. */
  #chunks: Buffer[] = [];
  #chunksBytes = 0;
  #beginning: Buffer | null = null;
  #bodyBytes = 0;
  #pieces = 0;
  #underWay = 0;
  #isPaused = false;
  #isEnded = false;
  #isOver = false;
  #answer: StoredAnswer | null = null;

  constructor(host: UploadHost, id: string) {
    this.#host = host;
    this.#id = id;
  }

  /** Begins to read. */
  start(open: (sink: BodySink) => BodySource): void {
    const source = open(this);
    if (this.#isOver) source.stop("UPSTREAM_TRUNCATED");
    else this.#source = source;
  }

  /** The draft is committed, as `answer`. */
  complete(answer: StoredAnswer): void {
    this.#answer = answer;
    this.#storeIfComplete();
  }

  /** There is room again. */
  resume(): void {
    if (!this.#isPaused || this.#underWay >= maxPiecesUnderWay || !this.#host.hasRoom(this)) return;
    this.#isPaused = false;
    this.#source?.resume();
  }

  /** It is not wanted, or does not get through. */
  cancel(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#source?.stop("UPSTREAM_TRUNCATED");
  }

  // `BodySink`.

  data(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#bodyBytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const wanted = (this.#beginning === null ? beginningBytes : pieceBytes) - this.#chunksBytes;
      // A full beginning stays here until it is known that more follows: a small answer is one value.
      if (wanted === 0) this.#cut();
      const taken = chunk.subarray(at, at + (wanted === 0 ? pieceBytes : wanted));
      this.#chunks.push(Buffer.from(taken));
      this.#chunksBytes += taken.length;
      at += taken.length;
      if (this.#beginning !== null && this.#chunksBytes === pieceBytes) this.#cut();
    }
  }

  flush(): boolean {
    if (this.#isOver || (this.#underWay < maxPiecesUnderWay && this.#host.hasRoom(this))) return true;
    this.#isPaused = true;
    return false;
  }

  end(): boolean {
    this.#isEnded = true;
    if (this.#beginning === null || this.#chunksBytes > 0) this.#cut();
    this.#storeIfComplete();
    return true;
  }

  abort(): void {
    this.#finish();
  }

  /** Makes a piece of what has gathered, and sends it; the first one waits for the head. */
  #cut(): void {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#chunksBytes = 0;
    if (this.#beginning === null) {
      this.#beginning = bytes;
      return;
    }
    this.#underWay++;
    this.#host.sendPiece(this.#id, this.#pieces++, bytes, (hasArrived) => {
      this.#underWay--;
      if (!hasArrived) this.cancel();
      else this.resume();
      this.#storeIfComplete();
    });
  }

  #storeIfComplete(): void {
    if (this.#isOver || !this.#isEnded || this.#answer === null || this.#underWay > 0) return;
    this.#finish();
    this.#host.storeHead({
      answer: this.#answer,
      id: this.#id,
      bodyBytes: this.#bodyBytes,
      beginning: this.#beginning!,
    });
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#chunks = [];
    this.#host.noteOver(this);
  }
}
