/** What opens the connections to an endpoint: a dialer of plain connections, or of ones over TLS. */
import type { Clock } from "../../base/clock.ts";
import { type Dialer, SocketDialer } from "../../net/dialer.ts";
import { clientContextOf } from "../../net/tls/client-context.ts";
import { type HandshakeResult, TlsDialer } from "../../net/tls/tls-dialer.ts";
import type { TlsTrafficWatch } from "../../net/tls/traffic-watch.ts";
import { peerNameOf } from "../endpoint-tls.ts";
import { DatagramDialer } from "../../net/datagram-dialer.ts";
import type { EndpointSpec } from "../endpoint.ts";

/** What a dialer needs of its transport. */
export interface EndpointDialerParts {
  /** The protocols that the transport speaks, as TLS calls them (RFC 7301 section 6). */
  readonly alpn: readonly string[];
  readonly clock: Clock;
  readonly onHandshake: (result: HandshakeResult) => void;
  readonly traffic: TlsTrafficWatch | null;
  readonly onFlood: () => void;
  readonly onInternalError: (error: unknown) => void;
}

/** The dialer for the endpoint of `spec`. */
export function createEndpointDialer({ url, host, tls = null }: EndpointSpec, parts: EndpointDialerParts): Dialer {
  if (url.startsWith("udp:")) return new DatagramDialer(parts.onInternalError);
  if (tls === null || host === null) return new SocketDialer(parts.onInternalError);
  return new TlsDialer({
    ...parts,
    name: peerNameOf(host, tls),
    isVerified: tls.verify,
    context: () => clientContextOf(tls.texts, tls.minVersion),
  });
}
