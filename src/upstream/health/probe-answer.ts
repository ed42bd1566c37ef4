/**
 * Reads the answer to a check: the head decides, and a little of the body is read, so that an ordinary endpoint sees an
 * ordinary close.
 */
import { Framing } from "../../http/message.ts";
import { BodyReader } from "../../http1/syntax/body-reader.ts";
import { PartialHead } from "../../http1/syntax/partial-head.ts";
import {
  type AnswerRules,
  lenientRules,
  parsedResponse,
  parseResponseHead,
  strictRules,
} from "../../http1/syntax/response-parser.ts";

const maxBodyBytes = 8_192;
/** Interim answers included. */
const maxHeadsBytes = 131_072;

/** Reads the answer to one check. */
export class ProbeAnswer {
  /** The status of the final answer, or 101; 0 = not known yet. */
  status = 0;
  /** Why the answer cannot be read, or null. Holds no text of the endpoint's. */
  problem: string | null = null;
  /** Nothing more needs to be read. */
  isOver = false;
  readonly #rules: AnswerRules;
  readonly #body: BodyReader;
  readonly #partial = new PartialHead();
  #isUntilClose = false;
  #headBytes = 0;
  #bodyBytes = 0;

  constructor(isLenient: boolean) {
    this.#rules = isLenient ? lenientRules : strictRules;
    this.#body = new BodyReader(isLenient ? "lenientAnswer" : "answer");
  }

  /** Reads on. */
  take(chunk: Buffer): void {
    if (this.isOver) return;
    if (this.status !== 0) {
      this.#takeBody(chunk);
      return;
    }
    this.#headBytes += chunk.length;
    const bytes = this.#partial.isEmpty ? chunk : this.#partial.join(chunk, this.#rules);
    if (this.#headBytes > maxHeadsBytes) this.#fail("head too large");
    else if (bytes !== null) this.#takeHead(bytes);
  }

  #takeHead(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at = parsedResponse.next) {
      parseResponseHead(bytes, at, bytes.length, this.#rules, false);
      const { head, failure, detail, next } = parsedResponse;
      if (failure !== null) return this.#fail(detail);
      if (head === null) return this.#partial.keep(bytes, at, bytes.length);
      if (head.status < 200 && head.status !== 101) continue;
      this.status = head.status;
      this.#isUntilClose = head.framing === Framing.close;
      if (head.framing === Framing.chunked) this.#body.startChunked();
      else this.#body.startLength(head.framing === Framing.length ? head.contentLength : 0);
      return this.#takeBody(bytes.subarray(next));
    }
  }

  #takeBody(bytes: Buffer): void {
    this.#bodyBytes += bytes.length;
    if (this.#body.isOpen && bytes.length > 0) this.#body.read(bytes, 0, bytes.length, nobody);
    // The head has decided; how the body ends changes nothing.
    this.isOver = this.#bodyBytes > maxBodyBytes || (!this.#isUntilClose && !this.#body.isOpen);
  }

  #fail(problem: string): void {
    this.problem = problem;
    this.isOver = true;
  }
}

const nobody = { onBodyPiece: (): void => {} };
