/** Where the exchanges of a client connection come from: its listener and its peer. */
import type { AttemptClient, CompanionConnection, ConnectionEnds } from "../../http/attempt-client.ts";
import type { BoundConnections } from "../../http/bound-connections.ts";
import type { ConnectionTls } from "../../http/connection-tls.ts";
import type { ExchangeOrigin } from "../../http/exchange.ts";
import type { Wire } from "../../net/wire.ts";
import { endsOf } from "../../net/wire-ends.ts";
import type { ClientContext } from "./client-context.ts";

/**
 * The listener and the peer of a client connection, and the connections to endpoints that are its own. One a
 * connection.
 */
export class ClientOrigin implements ExchangeOrigin, AttemptClient {
  readonly listenerName: string;
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Empty = no PROXY header has come. */
  readonly proxied: string;
  readonly tls: ConnectionTls | null;
  readonly isMisplaced: boolean;
  /** The peer was in the listener's `trustedProxies` when it connected. */
  readonly isPeerTrusted: boolean;
  bonds: BoundConnections | null = null;
  readonly #wire: Wire;
  /** Made with the first one. */
  #companions: Set<CompanionConnection> | null = null;

  constructor(wire: Wire, context: ClientContext) {
    const { origin } = wire;
    this.#wire = wire;
    this.listenerName = context.listenerName;
    this.scheme = origin.scheme;
    this.peerAddress = origin.peerAddress;
    this.peerPort = origin.peerPort;
    this.proxied = origin.proxied?.note ?? "";
    this.tls = origin.tls;
    this.isMisplaced = origin.isMisplaced ?? false;
    this.isPeerTrusted = context.isTrusted(this.peerAddress);
  }

  get ends(): ConnectionEnds | null {
    return endsOf(this.#wire);
  }

  addCompanion(connection: CompanionConnection): void {
    (this.#companions ??= new Set()).add(connection);
  }

  removeCompanion(connection: CompanionConnection): void {
    this.#companions?.delete(connection);
  }

  /** The connection is gone, and with it those to endpoints that were its own. */
  close(): void {
    this.bonds?.close();
    if (this.#companions !== null) for (const connection of [...this.#companions]) connection.drain();
  }
}
