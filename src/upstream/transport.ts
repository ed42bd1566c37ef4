/**
 * The seam between the attempt loop and a protocol: an attempt goes in, its answer comes back through callbacks, exactly one ending each.
 * Plain method calls on long-lived objects: no promise, stream or closure per attempt.
 */
import type { BodySink, Exchange } from "../http/exchange.ts";
import type { ResponseHead } from "../http/message.ts";
import type { ProxyError } from "../http/reason.ts";

/** One try of an exchange at one endpoint, as a transport sees it. Implemented by `forward/`. */
export interface Attempt {
  readonly exchange: Exchange;
  /** The whole request head to write, with its empty line; validated. */
  readonly head: string;
  /** May share a connection with others in flight: safe method, no body, not an upgrade. */
  readonly isPipelinable: boolean;
  /** May be written to a connection that has served before. */
  readonly mayReuse: boolean;
  /** A request body follows the head. */
  readonly hasBody: boolean;
  /** Method HEAD: the answer has no body. */
  readonly isHeadMethod: boolean;
  /** A request to switch protocols: 101 is allowed. */
  readonly isUpgrade: boolean;
  /** The connection is there and the head is on its way. Where there is a body, `body` is where it goes; it may be started now or later. */
  onConnected(body: BodySink, isReused: boolean): void;
  /** The upstream can take more of the request body. */
  onBodyWritable(): void;
  onInterim(head: ResponseHead): void;
  /** The final answer, or a 101 that was asked for: then the connection is a tunnel from here on, `body` included. */
  onHead(head: ResponseHead): void;
  /** `chunk` is the transport's again after `onReadEnd`, unless that answers false. */
  onData(chunk: Buffer): void;
  /** Nothing more in this read. @returns false to pause; then the chunks of this read stay untouched until `resume`. */
  onReadEnd(): boolean;
  /** The answer is complete. */
  onEnd(trailers: string): void;
  /** The attempt failed; nothing follows. */
  onError(error: ProxyError): void;
}

/** What an attempt can do while it is under way; obtained from `send`. */
export interface AttemptHandle {
  /** The receiver can take more of the answer. */
  resume(attempt: Attempt): void;
  /** Gives the attempt up: no callback follows, and its connection is closed where it cannot be kept. */
  cancel(attempt: Attempt): void;
}

/** A way to reach one endpoint from one proxy thread. */
export interface Transport {
  /** Starts `attempt`. Callbacks may come before it returns. */
  send(attempt: Attempt): AttemptHandle;
  /** Closes idle connections now and the others as they become idle. */
  drain(): void;
  /** Closes everything at once. */
  close(): void;
  readonly connectionCount: number;
  readonly idleCount: number;
}
