/**
 * The seam between whoever sends requests to endpoints and the protocols that carry them: an attempt goes to a transport,
 * its answer comes back. No protocol is in here: whether a request shares a connection with others, how it is written
 * and what becomes of an answer that nobody wants is for whoever carries it. Plain method calls on long-lived objects:
 * no promise, stream or closure for an attempt.
 */
import type { AnswerHead } from "./answer.ts";
import type { AttemptClient } from "./attempt-client.ts";
import type { BodySink } from "./body.ts";
import type { BoundConnection } from "./bound-connections.ts";
import type { OutgoingRequest } from "./outgoing-request.ts";
import type { ProxyError } from "./reason.ts";

/** An answer's head as an endpoint has given it. */
export interface EndpointAnswer extends AnswerHead {
  /** It says when it was made (RFC 9110 section 6.6.1). */
  readonly hasDate: boolean;
  /** It offers a login that holds for the connection; see `connection-login.ts`. */
  readonly bindsConnection: boolean;
}

/** What can be done with an attempt while it is under way. */
export interface AttemptHandle {
  /** The receiver can take more of the answer. */
  resume(attempt: Attempt): void;
  /** Gives the attempt up: no callback follows. */
  cancel(attempt: Attempt): void;
  /** As `cancel`, of an answer that is of no use: what it cost to get it, the connection for one, is worth keeping. */
  skip(attempt: Attempt): void;
}

/**
 * How long an attempt waits, in milliseconds, 0 = no limit: for the first byte of its answer, and for each further one.
 */
export interface AttemptTimeouts {
  readonly firstByte: number;
  readonly idle: number;
}

/**
 * What connection an attempt may have: `any`, also one that carries others at the same time; `idle`, one of its own,
 * which may have carried others before; `new`.
 */
export type ConnectionWish = "any" | "idle" | "new";

/**
 * One try of an exchange at one endpoint. The end of its answer, or `onFailure`, ends it, once, unless it is given up.
 */
export interface Attempt {
  /** Who carries it now; kept up to date by whoever does. */
  handle: AttemptHandle | null;
  /** What is sent. A login that holds for the connection, and it serves no other client from then on. */
  readonly request: OutgoingRequest;
  readonly wish: ConnectionWish;
  /**
   * The connection that is bound to the attempt's client: the attempt goes over it. The transport sets it to null if it
   * turns out to be gone.
   */
  bound: BoundConnection | null;
  /** The client connection that it comes from; null = nobody waits for the answer. */
  readonly client: AttemptClient | null;
  /** Its own; null = those of the transport. */
  readonly timeouts: AttemptTimeouts | null;
  /** It is on its way. `body` takes its body, if it has one, now or later. @param isReused the connection is not new */
  onSent(body: BodySink, isReused: boolean): void;
  /** The endpoint can take more of the body. */
  onBodyWritable(): void;
  /** @returns false to pause until `AttemptHandle.resume`: the client is slow to take interim answers */
  onInterim(head: EndpointAnswer): boolean;
  /**
   * The final answer, or the switch to a tunnel that was asked for: then what `onSent` was given takes the client's bytes.
   * @returns where the answer's body goes, or the bytes of the tunnel; it never throws
   */
  onAnswer(head: EndpointAnswer): BodySink;
  /** Nothing more comes, or nothing at all. */
  onFailure(error: ProxyError): void;
  /**
   * Its answer is complete, and its receiver will hear of that next: `connection` is its client's alone from here on.
   * @returns false if the client does not want it; then it is closed
   */
  keepConnection(connection: BoundConnection): boolean;
}
