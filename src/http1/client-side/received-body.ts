/**
 * The body of the request under way: read strictly, handed to whoever takes it with one bit of back-pressure, or thrown
 * away within limits when nobody does.
 */
import type { BodyLength, BodySink, BodySource, RequestBody } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import { Fields } from "../../http/fields.ts";
import { Framing } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { BodyReader, type PieceReceiver } from "../syntax/body-reader.ts";
import { withoutNominated } from "../../http/syntax/connection-options.ts";
import { CopyBlock } from "./copy-block.ts";
import type { Unread } from "./unread.ts";

/** How much of a rest that nobody wants is read, so that the connection can be kept. */
const maxDroppedBytes = 1_048_576;

/** The connection as the body sees it. */
export interface ReceivedBodyHost {
  openBody(sink: BodySink): void;
  resumeBody(): void;
  /** Whoever took the body wants no more of it. */
  stopBody(): void;
}

/** The body of one request as its exchange has it. When the exchange is over, it gives nothing and asks for nothing. */
class OfferedBody implements RequestBody, BodySource {
  readonly length: BodyLength;
  readonly isRepeatable = false;
  #host: ReceivedBodyHost | null;

  constructor(length: BodyLength, host: ReceivedBodyHost) {
    this.length = length;
    this.#host = host;
  }

  open(sink: BodySink): BodySource {
    this.#host?.openBody(sink);
    return this;
  }

  resume(): void {
    this.#host?.resumeBody();
  }

  stop(): void {
    this.#host?.stopBody();
  }

  close(): void {
    this.#host = null;
  }
}

/** Reads the bodies of the requests of one client connection, one after the other; begun again for each. */
export class ReceivedBody implements PieceReceiver {
  /** Whoever takes it is slow. */
  isBlocked = false;
  readonly #host: ReceivedBodyHost;
  readonly #reader = new BodyReader("request");
  readonly #copies = new CopyBlock();
  /** What is read now is the memory of all reads: pieces have to be copied. */
  #isBorrowed = false;
  #exchange: Exchange | null = null;
  #offered: OfferedBody | null = null;
  #sink: BodySink | null = null;
  #maxBytes = 0;
  #isTooLarge = false;
  #isDropping = false;
  #droppedBytes = 0;

  constructor(host: ReceivedBodyHost) {
    this.#host = host;
  }

  /** @param maxBytes 0 = no limit. @returns whether bytes of it are to come */
  begin(exchange: Exchange, maxBytes: number): boolean {
    const { framing, contentLength } = exchange.request;
    this.#exchange = exchange;
    this.#letGo();
    this.#maxBytes = maxBytes;
    this.isBlocked = false;
    this.#isTooLarge = false;
    this.#isDropping = false;
    this.#droppedBytes = 0;
    if (framing === Framing.none) return false;
    if (framing === Framing.chunked) this.#reader.startChunked();
    else this.#reader.startLength(contentLength);
    if (!this.#reader.isOpen) return false;
    this.#offered = new OfferedBody(framing === Framing.chunked ? "unknown" : contentLength, this.#host);
    exchange.body = this.#offered;
    return true;
  }

  /** What follows is a tunnel's. @returns what controls the bytes that its client sends */
  beginTunnel(): BodySource {
    this.#offered ??= new OfferedBody("unknown", this.#host);
    return this.#offered;
  }

  attach(sink: BodySink): void {
    this.#sink = sink;
  }

  /** Its rest may be small enough to be read and thrown away. */
  get isDroppable(): boolean {
    const { remaining } = this.#reader;
    return remaining <= maxDroppedBytes || remaining === Number.POSITIVE_INFINITY;
  }

  /** From now on it is read to its end and thrown away. */
  drop(): void {
    this.#letGo();
    this.isBlocked = false;
    this.#isDropping = true;
  }

  /** Whoever took it wants no more: nothing is read until the exchange is over. */
  stop(): void {
    this.#letGo();
    this.isBlocked = false;
  }

  get canRead(): boolean {
    return this.#isDropping || (this.#sink !== null && !this.isBlocked);
  }

  /** Nobody has asked for it yet, or nobody wants it any more. */
  get isUntaken(): boolean {
    return this.#sink === null && !this.#isDropping;
  }

  get isOpen(): boolean {
    return this.#reader.isOpen;
  }

  /** Why it cannot be read on, or null. */
  get failure(): ReasonCode | null {
    return this.#isTooLarge ? "BODY_TOO_LARGE" : this.#reader.failure;
  }

  /** More of it was thrown away than a connection that is kept is worth: it is closed. */
  get isOverdrawn(): boolean {
    return this.#droppedBytes > maxDroppedBytes;
  }

  /** Reads what is unread, of which there is some, as far as it belongs to the body. @returns how many bytes did */
  read({ bytes, start, end, isBorrowed }: Unread): number {
    this.#isBorrowed = isBorrowed;
    return this.#reader.read(bytes!, start, end, this) - start;
  }

  onBodyPiece(piece: Buffer): void {
    if (this.#isDropping) {
      this.#droppedBytes += piece.length;
      return;
    }
    const exchange = this.#exchange!;
    exchange.record.requestBodyBytes += piece.length;
    if (this.#maxBytes > 0 && exchange.record.requestBodyBytes > this.#maxBytes) this.#isTooLarge = true;
    else this.#give(piece, this.#isBorrowed);
  }

  /** Bytes in a tunnel; `isBorrowed` as in `read`. */
  pass(bytes: Buffer, isBorrowed: boolean): void {
    this.#exchange!.record.requestBodyBytes += bytes.length;
    this.#give(bytes, isBorrowed);
  }

  #give(piece: Buffer, isBorrowed: boolean): void {
    try {
      this.#sink?.data(isBorrowed ? this.#copies.copy(piece) : piece);
    } catch (error) {
      this.#crash(error);
    }
  }

  /** Nothing more from this read. @returns false when whoever takes it wants no more for now */
  flush(): boolean {
    if (this.#sink === null) this.isBlocked = false;
    else {
      try {
        this.isBlocked = !this.#sink.flush();
        this.#copies.settle(!this.isBlocked);
      } catch (error) {
        this.#crash(error);
      }
    }
    return !this.isBlocked;
  }

  /**
   * The exchange is over: nothing of it is kept. If the sink ended it in the middle of a read, the rest of that read is
   * thrown away.
   */
  release(): void {
    this.#exchange = null;
    this.#offered?.close();
    this.#offered = null;
    this.drop();
  }

  /** It is complete. */
  end(): void {
    if (this.#sink === null) return;
    const trailers = withoutNominated(this.#reader.trailers, this.#exchange!.request);
    try {
      this.#copies.settle(this.#sink.end(trailers === "" ? null : Fields.ofText(trailers)));
    } catch (error) {
      this.#crash(error);
    }
  }

  /** It breaks off: whoever has taken its beginning is told. */
  abort(code: ReasonCode): void {
    const sink = this.#sink;
    this.#letGo();
    try {
      sink?.abort(code);
    } catch (error) {
      this.#exchange?.crash(error);
    }
  }

  /** A bug of whoever takes it ends the exchange, not the connection: the rest is read like one that nobody wants. */
  #crash(error: unknown): void {
    this.stop();
    this.#exchange?.crash(error);
  }

  /** Detaches the sink. Copies that it was given since the last flush stay its own. */
  #letGo(): void {
    this.#sink = null;
    this.#copies.settle(false);
  }
}
