/**
 * Writes the answers of one client connection: heads with their framing (RFC 9112 section 6), bodies, chunks and
 * trailers. Framing follows from the head, the method and the version; the body is held to it.
 */
import type { AnswerHead } from "../../http/answer.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReceivedRequest } from "../../http/message.ts";
import type { Output } from "../../net/output.ts";
import { statusLine } from "../syntax/status-line.ts";

/** Writes answers to a client. One a connection. */
export class AnswerWriter {
  readonly #output: Output;
  #isChunked = false;
  /** The answer has no content, whatever its head says of it: its method is HEAD, or its status 204 or 304. */
  #isWithheld = false;
  /** Bytes of content that are still to come; infinite if nobody knows. */
  #remaining = 0;
  /** The client can tell a complete answer from one that broke off. */
  isDelimited = true;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Writes an interim answer. */
  interim({ status, reasonPhrase, fields }: AnswerHead): void {
    this.#output.text(`${statusLine(status, reasonPhrase)}${fields.text}\r\n`);
  }

  /** Writes the 101 after which the connection is a tunnel. */
  switchProtocols({ fields }: AnswerHead, protocol: string): void {
    this.#isChunked = false;
    this.#isWithheld = false;
    this.#remaining = Number.POSITIVE_INFINITY;
    this.isDelimited = true;
    this.#output.text(
      `HTTP/1.1 101 Switching Protocols\r\n${fields.text}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    );
  }

  /**
   * Writes the head of the final answer to `request`.
   * @returns whether the connection can be kept: not if its end is to be the end of the answer (RFC 9112 section 6.3,
   * HTTP/1.0)
   */
  head(head: AnswerHead, request: ReceivedRequest, isKeptAlive: boolean): boolean {
    const { status, body } = head;
    const isBodiless = status === 204 || status === 304;
    let framing = "";
    this.#isChunked = false;
    this.#isWithheld = isBodiless || request.method === "HEAD";
    this.isDelimited = true;
    if (this.#isWithheld) {
      this.#remaining = 0;
      const length = head.declaredLength ?? (body === 0 || body === "unknown" ? null : body);
      if (length !== null && status !== 204) framing = `Content-Length: ${length}\r\n`;
    } else if (body !== "unknown") {
      this.#remaining = body;
      framing = `Content-Length: ${body}\r\n`;
    } else {
      this.#remaining = Number.POSITIVE_INFINITY;
      if (request.minorVersion === 1) {
        this.#isChunked = true;
        framing = "Transfer-Encoding: chunked\r\n";
      } else this.isDelimited = false;
    }
    const isKept = isKeptAlive && this.isDelimited;
    const end = !isKept
      ? "Connection: close\r\n\r\n"
      : request.minorVersion === 0
        ? "Connection: keep-alive\r\n\r\n"
        : "\r\n";
    this.#output.text(`${statusLine(status, head.reasonPhrase)}${head.fields.text}${framing}${end}`);
    return isKept;
  }

  /** Writes some of the content. @returns false if it is more than was announced; then nothing is written */
  data(chunk: Buffer): boolean {
    if (this.#isWithheld) return true;
    this.#remaining -= chunk.length;
    if (this.#remaining < 0) return false;
    if (this.#isChunked) this.#output.text(`${chunk.length.toString(16)}\r\n`);
    this.#output.bytes(chunk);
    if (this.#isChunked) this.#output.text("\r\n");
    return true;
  }

  /** Writes the end. @returns false if content is missing; then nothing is written */
  end(trailers: Fields | null): boolean {
    if (this.#isChunked) this.#output.text(`0\r\n${trailers === null ? "" : trailers.text}\r\n`);
    return this.#isChunked || this.#remaining === 0 || this.#remaining === Number.POSITIVE_INFINITY;
  }
}
