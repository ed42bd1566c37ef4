/**
 * Where a client connection has logged in, if it has (`http/connection-login.ts`): its requests go there, whatever the
 * balancer would say.
 */
import { type BoundConnection, BoundConnections } from "../http/bound-connections.ts";
import type { ExchangeOrigin } from "../http/exchange.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** The endpoint of `upstream` that `origin` has a connection of its own to, and that connection. */
export interface BoundEndpoint {
  readonly endpoint: Endpoint;
  readonly connection: BoundConnection;
}

/**
 * What `origin` has at `upstream`, or null. A connection is given up if its endpoint is gone from the configuration,
 * unhealthy, ejected or disabled, or has got other connections by a reload: then the client has to log in again,
 * elsewhere. Draining endpoints keep their clients.
 */
export function findBoundEndpoint(origin: ExchangeOrigin, upstream: Upstream): BoundEndpoint | null {
  const bonds = origin.bonds ?? null;
  const bond = bonds === null ? null : bonds.find(upstream.name);
  if (bond === null) return null;
  const { connection } = bond;
  const endpoint = upstream.find(bond.endpointName);
  if (endpoint !== null && endpoint.state.isKeepingClients && endpoint.transport.isHolding(connection))
    return { endpoint, connection };
  bonds!.end(bond);
  return null;
}

/** From here on `connection`, to `endpoint` of `upstream`, is that of `origin` alone. */
export function bindEndpoint(
  origin: ExchangeOrigin,
  { upstream, endpoint, connection }: BoundEndpoint & { readonly upstream: Upstream },
): void {
  (origin.bonds ??= new BoundConnections()).keep({
    upstreamName: upstream.name,
    endpointName: endpoint.name,
    connection,
  });
}
