/**
 * The writing half of a connection to an endpoint: one request after the other, and the client's bytes once it is a
 * tunnel.
 */
import type { EndOfTurn, EndOfTurnTask } from "../../base/end-of-turn.ts";
import type { BodySink } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { Wire } from "../../net/wire.ts";
import { requestHeadText } from "./request-head.ts";

/** The connection as its writing half sees it. */
export interface RequestWriterHost {
  /** What waited for the end of the turn is written now. */
  onTurnWritten(): void;
  /** Some of a body was written. */
  onBodyProgress(): void;
  /** A body has broken off: the endpoint must not take it for complete. */
  onBodyAbort(code: ReasonCode): void;
}

/**
 * Writes requests to an endpoint. So that a small body leaves with its head, nothing is written before a flush. A body is
 * held to the length that its head says: what is too much would be the next request, perhaps another client's.
 */
export class RequestWriter implements BodySink, EndOfTurnTask {
  /** The last request that was begun is written whole. */
  isComplete = true;
  /** Bytes of all request bodies so far. */
  bodyBytes = 0;
  /** The FIN is on its way: the client has ended its side of the tunnel; or the connection is gone. */
  hasEnded = false;
  readonly #wire: Wire;
  readonly #output: Wire["output"];
  readonly #host: RequestWriterHost;
  readonly #endOfTurn: EndOfTurn;
  #isChunked = false;
  #isTunnel = false;
  #isFlushPlanned = false;
  /** Bytes of the body that are still to come; infinite if nobody knows. */
  #remaining = 0;

  constructor(wire: Wire, host: RequestWriterHost, endOfTurn: EndOfTurn) {
    this.#wire = wire;
    this.#output = wire.output;
    this.#host = host;
    this.#endOfTurn = endOfTurn;
  }

  begin(request: OutgoingRequest): void {
    this.#output.text(requestHeadText(request));
    this.isComplete = request.body === 0;
    this.#isChunked = request.body === "unknown";
    this.#remaining = request.body === "unknown" ? Number.POSITIVE_INFINITY : request.body;
  }

  /** Has what was begun leave at the end of the turn: heads that are written in one turn share a system call. */
  flushAtEndOfTurn(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#endOfTurn.add(this);
  }

  runAtEndOfTurn(): void {
    this.#isFlushPlanned = false;
    this.#host.onTurnWritten();
    if (!this.hasEnded) this.#output.flush();
  }

  /** From now on bytes pass as they are, and the end of the body is the end of writing. */
  switchToTunnel(): void {
    this.#isTunnel = true;
    // The request may have had a chunked body.
    this.#isChunked = false;
    this.#remaining = Number.POSITIVE_INFINITY;
  }

  /** The connection is gone: what still comes is thrown away. */
  close(): void {
    this.hasEnded = true;
  }

  data(chunk: Buffer): void {
    if (this.hasEnded) return;
    this.#remaining -= chunk.length;
    if (this.#remaining < 0) throw new Error("a request body that is longer than its head says");
    this.bodyBytes += chunk.length;
    if (this.#isChunked) this.#output.text(`${chunk.length.toString(16)}\r\n`);
    this.#output.bytes(chunk);
    if (this.#isChunked) this.#output.text("\r\n");
  }

  flush(): boolean {
    if (this.hasEnded) return true;
    const isWritable = this.#output.flush();
    this.#host.onBodyProgress();
    return isWritable;
  }

  end(trailers: Fields | null): boolean {
    if (this.hasEnded) return true;
    if (this.#remaining > 0 && this.#remaining !== Number.POSITIVE_INFINITY)
      throw new Error("a request body that is shorter than its head says");
    if (this.#isChunked) this.#output.text(`0\r\n${trailers === null ? "" : trailers.text}\r\n`);
    const isWritten = this.#output.flush();
    this.isComplete = true;
    if (this.#isTunnel) {
      this.hasEnded = true;
      this.#wire.end();
    }
    this.#host.onBodyProgress();
    return isWritten;
  }

  abort(code: ReasonCode): void {
    if (!this.hasEnded && (!this.isComplete || this.#isTunnel)) this.#host.onBodyAbort(code);
  }
}
