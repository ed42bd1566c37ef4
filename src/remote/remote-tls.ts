/** How TLS is spoken to services that the control side asks. Plain data; `http-agents.ts` uses it. */

/** Whom to trust, and what to show. */
export interface RemoteTls {
  /** PEM: nobody else is trusted; null = the authorities that Node.js trusts. */
  readonly ca: string | null;
  /** PEM: what is shown to a service that asks for a certificate, leaf first; null = nothing. Its key is `key`. */
  readonly cert: string | null;
  readonly key: string | null;
  /** Who the service has to be; null = the host of the URL. */
  readonly serverName: string | null;
  /** The service has to prove who it is. */
  readonly verify: boolean;
}

/**
 * The settings, or where those of the moment are asked for: once for each new connection, which fails with what it
 * throws.
 */
export type RemoteTlsSource = RemoteTls | (() => RemoteTls);
