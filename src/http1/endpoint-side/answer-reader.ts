/**
 * The reading half of a connection to an endpoint: finds heads and bodies in what arrives, by exact framing, and tells
 * its connection. What follows from them is the connection's to decide.
 */
import { withoutNominated } from "../../http/syntax/connection-options.ts";
import { Framing, type ResponseHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { BodyReader, type PieceReceiver } from "../syntax/body-reader.ts";
import { PartialHead } from "../syntax/partial-head.ts";
import { type AnswerRules, parseResponseHead, parsedResponse } from "../syntax/response-parser.ts";
import { EndpointState as State } from "./endpoint-state.ts";

/** The connection as its reading half sees it. */
export interface AnswerReaderHost extends PieceReceiver {
  /** One of `EndpointState`; changed by the connection alone. */
  readonly state: number;
  /** The answer that comes next is one to HEAD. */
  readonly isHeadAwaited: boolean;
  /** Bytes of an answer are there. @returns false if none is due: then it has ended the connection */
  expectAnswer(): boolean;
  /** A 1xx. @param byteCount how long its head is @returns false if these bytes are not to be read on */
  onInterim(head: ResponseHead, byteCount: number): boolean;
  /** The head of the final answer. @returns false if these bytes are not to be read on */
  onHead(head: ResponseHead): boolean;
  /** Only some of a head has come. */
  onPartialHead(): void;
  /** @param hasMore bytes follow that are not of this answer */
  onAnswerComplete(trailers: string, hasMore: boolean): void;
  /** Bytes that no request asked for. */
  onUnasked(): void;
  /** What has come cannot be understood. */
  onMalformed(code: ReasonCode, detail: string): void;
  /** Everything that one read has brought is consumed. */
  onReadEnd(): void;
}

/** Reads the answers of an endpoint, one after the other. One a connection. */
export class AnswerReader {
  /** The answer being read; null between answers. Of a tunnel, the 101, which its connection puts here. */
  head: ResponseHead | null = null;
  readonly #host: AnswerReaderHost;
  readonly #rules: AnswerRules;
  readonly #body: BodyReader;
  readonly #partial = new PartialHead();

  constructor(host: AnswerReaderHost, rules: AnswerRules) {
    this.#host = host;
    this.#rules = rules;
    this.#body = new BodyReader(rules.isLenient ? "lenientAnswer" : "answer");
  }

  /** Nothing of the next answer has come. */
  get isUntouched(): boolean {
    return this.head === null && this.#partial.isEmpty;
  }

  /** How much of the body is still to come; infinite if its length is not known. */
  get remaining(): number {
    return this.#body.remaining;
  }

  /** The last body had to be repaired: where the next answer begins is not sure. */
  get wasRepaired(): boolean {
    return this.#body.wasRepaired;
  }

  /** The connection is gone. */
  close(): void {
    this.#partial.clear();
  }

  /** Reads `bytes[0, byteCount)`, which have arrived. */
  read(bytes: Buffer, byteCount: number): void {
    if (this.#partial.isEmpty) {
      this.#read(bytes, byteCount);
      return;
    }
    const joined = this.#partial.join(bytes.subarray(0, byteCount), this.#rules);
    if (joined !== null) this.#read(joined, joined.length);
  }

  #read(bytes: Buffer, end: number): void {
    const host = this.#host;
    let at = 0;
    while (at < end) {
      switch (host.state) {
        case State.head:
          at = this.#readHead(bytes, at, end);
          if (at === -1) return;
          break;
        case State.body:
          at = this.#body.read(bytes, at, end, host);
          if (this.#body.failure !== null) host.onMalformed("UPSTREAM_BAD_RESPONSE", "bad chunk");
          // Whoever takes the body may have given it up with its last piece.
          else if (!this.#body.isOpen && !this.#isOver)
            host.onAnswerComplete(withoutNominated(this.#body.trailers, this.head!), at < end);
          break;
        case State.untilClose:
        case State.tunnel:
          host.onBodyPiece(bytes.subarray(at, end));
          at = end;
          break;
        case State.closed:
          return;
        default:
          host.onUnasked();
          return;
      }
    }
    if (host.state !== State.closed) host.onReadEnd();
  }

  // Behind a call, so that the type checker does not take the state for what it was before a callback.
  get #isOver(): boolean {
    return this.#host.state === State.closed;
  }

  /** @returns the offset behind the head, or -1 when there is nothing more to do with these bytes */
  #readHead(bytes: Buffer, at: number, end: number): number {
    const host = this.#host;
    if (!host.expectAnswer()) return -1;
    parseResponseHead(bytes, at, end, this.#rules, host.isHeadAwaited);
    if (parsedResponse.failure !== null) {
      host.onMalformed(parsedResponse.failure, parsedResponse.detail);
      return -1;
    }
    const { head, next } = parsedResponse;
    if (head === null) {
      this.#partial.keep(bytes, at, end);
      host.onPartialHead();
      return -1;
    }
    if (head.status < 200) return host.onInterim(head, next - at) ? next : -1;
    this.head = head;
    if (head.framing === Framing.chunked) this.#body.startChunked();
    else if (head.framing !== Framing.close)
      this.#body.startLength(head.framing === Framing.length ? head.contentLength : 0);
    if (!host.onHead(head)) return -1;
    if (host.state === State.body && !this.#body.isOpen) host.onAnswerComplete("", next < end);
    return next;
  }
}
