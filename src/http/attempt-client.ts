/** The client connection behind an attempt, as whoever carries the attempt sees it. */

/** One end of a TCP connection. */
export interface TcpEnd {
  /** Normalised. */
  readonly address: string;
  readonly port: number;
}

/** Both ends of a client's connection, for endpoints that are told of them. */
export interface ConnectionEnds {
  readonly source: TcpEnd;
  readonly destination: TcpEnd;
}

/** A connection to an endpoint that serves one client connection alone. */
export interface CompanionConnection {
  /** Closes it as soon as nothing is in flight. */
  drain(): void;
}

/**
 * A client connection. Two attempts come from the same one if it is the same object. What an exchange has in its place
 * that no client waits for has no members.
 */
export interface AttemptClient {
  /** Null = it has none, as on a Unix socket. */
  readonly ends?: ConnectionEnds | null;
  /** `connection` serves this client alone: it is drained with the client's connection at the latest. */
  addCompanion?(connection: CompanionConnection): void;
  /** `connection` is closed. */
  removeCompanion?(connection: CompanionConnection): void;
}
