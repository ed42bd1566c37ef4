/** Where the exchanges of a client connection come from: its listener and its peer. */
import type { Socket } from "node:net";
import { normalizeIp } from "../../base/ip-address.ts";
import type { BoundConnections } from "../../http/bound-connections.ts";
import type { ExchangeOrigin } from "../../http/exchange.ts";
import type { ClientContext } from "./client-context.ts";

/**
 * The listener and the peer of a client connection, and the connections to endpoints that are its own. One a
 * connection.
 */
export class ClientOrigin implements ExchangeOrigin {
  readonly listenerName: string;
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly peerPort: number;
  /** The peer was in the listener's `trustedProxies` when it connected. */
  readonly isPeerTrusted: boolean;
  bonds: BoundConnections | null = null;

  constructor(socket: Socket, context: ClientContext) {
    this.listenerName = context.listenerName;
    this.scheme = context.scheme;
    this.peerAddress = normalizeIp(socket.remoteAddress ?? "") ?? "";
    this.peerPort = socket.remotePort ?? 0;
    this.isPeerTrusted = context.isTrusted(this.peerAddress);
  }

  /** The connection is gone, and with it those to endpoints that were its own. */
  close(): void {
    this.bonds?.close();
  }
}
