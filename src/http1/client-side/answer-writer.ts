/**
 * Writes the answers of one client connection: heads with their framing (RFC 9112 section 6), bodies, chunks and
 * trailers.
 */
import type { AnswerLength } from "../../http/exchange.ts";
import type { ReceivedRequest } from "../../http/message.ts";
import type { Output } from "../../net/output.ts";

/** What an answer's head is made of. `fields` are complete lines without framing and hop-by-hop fields. */
export interface AnswerHead {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly fields: string;
  readonly length: AnswerLength;
  /** What Content-Length says where there is no body to delimit (HEAD, 304), or null. */
  readonly lengthField: number | null;
}

/** Writes answers to a client. One a connection. */
export class AnswerWriter {
  readonly #output: Output;
  #isChunked = false;
  /** The client can tell a complete answer from one that broke off. */
  isDelimited = true;

  constructor(output: Output) {
    this.#output = output;
  }

  interim(status: number, reasonPhrase: string, fields: string): void {
    this.#output.text(`HTTP/1.1 ${status} ${reasonPhrase}\r\n${fields}\r\n`);
  }

  /** The 101 after which the connection is a tunnel. */
  switchProtocols(fields: string, protocol: string): void {
    this.#isChunked = false;
    this.isDelimited = true;
    this.#output.text(
      `HTTP/1.1 101 Switching Protocols\r\n${fields}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    );
  }

  /**
   * @returns whether the connection can be kept: not where its end is to be the end of the answer (RFC 9112 section
   * 6.3, HTTP/1.0)
   */
  head(head: AnswerHead, request: ReceivedRequest, isKeptAlive: boolean): boolean {
    const { status, reasonPhrase, fields, length } = head;
    let framing = "";
    this.#isChunked = false;
    this.isDelimited = true;
    if (length === "none") {
      if (head.lengthField !== null) framing = `Content-Length: ${head.lengthField}\r\n`;
    } else if (length !== "unknown") framing = `Content-Length: ${length}\r\n`;
    else if (request.minorVersion === 1) {
      this.#isChunked = true;
      framing = "Transfer-Encoding: chunked\r\n";
    } else this.isDelimited = false;
    const isKept = isKeptAlive && this.isDelimited;
    const connection = !isKept
      ? "Connection: close\r\n"
      : request.minorVersion === 0
        ? "Connection: keep-alive\r\n"
        : "";
    this.#output.text(`HTTP/1.1 ${status} ${reasonPhrase}\r\n${fields}${framing}${connection}\r\n`);
    return isKept;
  }

  data(chunk: Buffer): void {
    if (this.#isChunked) this.#output.text(`${chunk.length.toString(16)}\r\n`);
    this.#output.bytes(chunk);
    if (this.#isChunked) this.#output.text("\r\n");
  }

  end(trailers: string): void {
    if (this.#isChunked) this.#output.text(`0\r\n${trailers}\r\n`);
  }
}
