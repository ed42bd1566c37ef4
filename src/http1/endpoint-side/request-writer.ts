/**
 * The writing half of a connection to an endpoint: one request after the other, and the client's bytes once it is a
 * tunnel.
 */
import type { Socket } from "node:net";
import type { BodySink } from "../../http/exchange.ts";
import type { ConnectionAttempt } from "./connection-attempt.ts";
import type { Output } from "../../net/output.ts";

/** Writes requests to an endpoint. So that a small body leaves with its head, nothing is written before a flush. */
export class RequestWriter implements BodySink {
  /** The last request that was begun is written whole. */
  isComplete = true;
  /** Bytes of all request bodies so far. */
  bodyBytes = 0;
  /** The FIN is on its way: the client has ended its side of the tunnel; or the connection is gone. */
  hasEnded = false;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #onProgress: () => void;
  #isChunked = false;
  #isTunnel = false;

  /** @param onProgress called whenever some of a body was written */
  constructor(socket: Socket, output: Output, onProgress: () => void) {
    this.#socket = socket;
    this.#output = output;
    this.#onProgress = onProgress;
  }

  begin(attempt: ConnectionAttempt): void {
    this.#output.text(attempt.head);
    this.isComplete = !attempt.hasBody;
    this.#isChunked = attempt.hasChunkedBody;
  }

  /** From now on bytes pass as they are, and the end of the body is the end of writing. */
  switchToTunnel(): void {
    this.#isTunnel = true;
    // The request may have had a chunked body.
    this.#isChunked = false;
  }

  /** The connection is gone: what still comes is thrown away. */
  close(): void {
    this.hasEnded = true;
  }

  onBodyData(chunk: Buffer): void {
    if (this.hasEnded) return;
    this.bodyBytes += chunk.length;
    if (this.#isChunked) this.#output.text(`${chunk.length.toString(16)}\r\n`);
    this.#output.bytes(chunk);
    if (this.#isChunked) this.#output.text("\r\n");
  }

  onBodyFlush(): boolean {
    if (this.hasEnded) return true;
    const isWritable = this.#output.flush();
    this.#onProgress();
    return isWritable;
  }

  onBodyEnd(trailers: string): boolean {
    if (this.hasEnded) return true;
    if (this.#isChunked) this.#output.text(`0\r\n${trailers}\r\n`);
    const isWritten = this.#output.flush();
    this.isComplete = true;
    if (this.#isTunnel) {
      this.hasEnded = true;
      this.#socket.end();
    }
    this.#onProgress();
    return isWritten;
  }
}
