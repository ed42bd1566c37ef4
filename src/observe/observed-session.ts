/** A session of a TCP listener, as log and metrics see it. */
import type { Recorded } from "../http/exchange-record.ts";

/** What is told of a session that ended. */
export interface ObservedSession extends Recorded {
  readonly protocol: "tcp" | "udp";
  readonly listenerName: string;
  readonly clientIp: string;
  /** Empty = the peer has none. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** The name that the client asked for in TLS; null = none, or nobody looked. */
  readonly serverName: string | null;
}
