/** How TLS is spoken to the endpoints of an upstream. Plain data; the schema is in `tls-options.ts`. */
import { type ClientTlsTexts, type LeastTlsVersion, noClientTexts } from "../net/tls/client-context.ts";
import { type PeerName, toPeerName } from "../net/tls/peer-name.ts";

/** What is configured, and what the files that it names held. */
export interface EndpointTls {
  /** The endpoint has to prove who it is. */
  readonly verify: boolean;
  /** Who it has to be, and what it is asked for; null = the host of its URL. */
  readonly serverName: string | null;
  readonly minVersion: LeastTlsVersion;
  /** Paths of files; null = not given. */
  readonly ca: string | null;
  readonly crl: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** What they held when they were last read, in the control thread; before that it is empty. */
  readonly texts: ClientTlsTexts;
}

/** Nothing is configured. */
export const defaultEndpointTls: EndpointTls = {
  verify: true,
  serverName: null,
  minVersion: "1.2",
  ca: null,
  crl: null,
  cert: null,
  key: null,
  texts: noClientTexts,
};

/**
 * The one name for everything: what the endpoint is asked for, what it has to prove, for requests and for health checks.
 * @param host the endpoint's
 * @throws Error if there is none: the addresses of endpoints were checked
 */
export function peerNameOf(host: string, { serverName }: EndpointTls): PeerName {
  const name = toPeerName(serverName ?? host);
  if (name === null) throw new Error(`${serverName ?? host} is not a name that a certificate can have`);
  return name;
}
