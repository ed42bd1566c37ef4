/**
 * What a connection to an endpoint and the attempts that it carries ask of each other, and of the pool that it belongs
 * to.
 */
import type { EndOfTurn } from "../../base/end-of-turn.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { BoundConnection } from "../../http/bound-connections.ts";
import type { BodySink } from "../../http/body.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { ProxyError } from "../../http/reason.ts";
import type { EndpointConnection } from "./endpoint-connection.ts";

/** What an attempt can do while it is under way. */
export interface AttemptHandle {
  /** The receiver can take more of the answer. */
  resume(attempt: ConnectionAttempt): void;
  /** Gives the attempt up: no callback follows. Its connection is closed, unless others in flight can go on. */
  cancel(attempt: ConnectionAttempt): void;
  /**
   * Gives up an answer whose head has come: if its rest is small, it is read and thrown away, and the connection is
   * kept; else as `cancel`.
   */
  skip(attempt: ConnectionAttempt): void;
}

/**
 * How long an attempt waits, in milliseconds, 0 = no limit: for the first byte of its answer, and for each further one.
 */
export interface AttemptTimeouts {
  readonly firstByte: number;
  readonly idle: number;
}

/**
 * One try of an exchange at one endpoint, as a connection sees it. Exactly one of `onEnd` and `onError` ends it, unless
 * it is cancelled.
 */
export interface ConnectionAttempt {
  /** Who carries it now; kept up to date by whoever does. */
  handle: AttemptHandle | null;
  /** What is sent. A login that holds for the connection, and it serves no other client from then on. */
  readonly request: OutgoingRequest;
  /** May share a connection with others in flight: a GET without a body and no upgrade. */
  readonly isPipelinable: boolean;
  /** If its connection turns out to have been closed, it can be sent again on another one. */
  readonly isRepeatable: boolean;
  /** The client connection that it comes from, for comparison; null = nobody waits for the answer. */
  readonly client: object | null;
  /** Its own; null = those of the connection. */
  readonly timeouts: AttemptTimeouts | null;
  /**
   * The connection is there and the head is on its way. If there is a body, `body` is where it goes; it may be
   * started now or later.
   */
  onConnected(body: BodySink, isReused: boolean): void;
  /** The endpoint can take more of the request body. */
  onBodyWritable(): void;
  /** @returns false to pause until `resume`: the client is slow to take them */
  onInterim(head: ResponseHead): boolean;
  /** The final answer, or a 101 that was asked for: then the connection is a tunnel from here on, `body` included. */
  onHead(head: ResponseHead): void;
  /** `chunk` is the connection's again after `onReadEnd` or `onEnd`, unless that answers false. */
  onData(chunk: Buffer): void;
  /** Nothing more in this read. @returns false to pause; then the chunks of this read stay untouched until `resume`. */
  onReadEnd(): boolean;
  /**
   * The answer is complete (in a tunnel: the endpoint sends no more). @returns false if the chunks of this read are
   * still needed.
   */
  onEnd(trailers: string): boolean;
  onError(error: ProxyError): void;
  /**
   * Its answer is complete, just before `onEnd`, and `connection` is its client's alone from here on. @returns false
   * if the client does not want it; then it is closed
   */
  keepConnection(connection: BoundConnection): boolean;
}

/** Where a connection belongs. */
export interface ConnectionOwner {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  /** Milliseconds; 0 = none. `longIdle` is for tunnels and streams. */
  readonly timeouts: AttemptTimeouts & { readonly longIdle: number };
  /** Nothing is in flight any more, `last` being the last that was, and it may serve again. */
  onIdle(connection: EndpointConnection, keepAliveHintMs: number, last: ConnectionAttempt): void;
  /** Content came behind an answer that has none. */
  onUnaskedContent(): void;
  onClosed(connection: EndpointConnection): void;
  /** A bug of ours ended the connection. */
  onInternalError(error: unknown): void;
}

/**
 * An answer that was given up is read to its end if it is no larger than this, so that attempts behind it get theirs.
 */
export const maxSkippedBytes = 262_144;

/** Stands in for a pipelined attempt that was given up: its answer is read and thrown away. */
export class SkippedAttempt implements ConnectionAttempt {
  handle = null;
  readonly request: OutgoingRequest;
  readonly isPipelinable = true;
  readonly isRepeatable = true;
  readonly client = null;
  readonly timeouts = null;
  #byteCount = 0;

  /** @param request that of the attempt */
  constructor(request: OutgoingRequest) {
    this.request = request;
  }

  /** It has become too large to go on with. */
  get isTooLarge(): boolean {
    return this.#byteCount > maxSkippedBytes;
  }

  onConnected(): void {}
  onBodyWritable(): void {}
  onInterim(): boolean {
    return true;
  }
  onHead(): void {}
  onData(chunk: Buffer): void {
    this.#byteCount += chunk.length;
  }
  onReadEnd(): boolean {
    return true;
  }
  onEnd(): boolean {
    return true;
  }
  onError(): void {}
  keepConnection(): boolean {
    return false;
  }
}
