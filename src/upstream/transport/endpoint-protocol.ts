/** How a pool makes connections of wires. */
import type { ConnectionOwner } from "../../http1/endpoint-side/connection-owner.ts";
import type { PooledConnection } from "../../http1/endpoint-side/pooled-connection.ts";
import type { Wire } from "../../net/wire.ts";

/** Speaks a protocol over `wire`, which has just come up, for the pool that is `owner`. */
export type EndpointProtocol = (wire: Wire, owner: ConnectionOwner) => PooledConnection;
