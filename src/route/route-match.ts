/** What a route asks of a request. */

/** `routes[].match`; what is absent matches everything. */
export interface RouteMatch {
  /** Names of listeners. Any of them will do. */
  readonly listener?: readonly string[] | undefined;
  /**
   * `example.com`; `*.example.com` (one or more labels in front, not the name itself); `*` (any). Any of them will do.
   */
  readonly host?: readonly string[] | undefined;
  /** Exact (`/ping`), or a prefix that ends at a segment (`/v1/*`: `/v1`, `/v1/` and `/v1/x`, not `/v1x`). */
  readonly path?: string | undefined;
  /** Any of them will do; case-sensitive. */
  readonly method?: readonly string[] | undefined;
  /** All of them must be there with that value, or any value if it is `*`. */
  readonly header?: Readonly<Record<string, string>> | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly cookie?: Readonly<Record<string, string>> | undefined;
  /** Addresses and CIDR blocks; any of them will do. */
  readonly clientIp?: readonly string[] | undefined;
}
