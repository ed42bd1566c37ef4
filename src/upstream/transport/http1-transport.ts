/** HTTP/1.1 to one endpoint: a pool of connections that speak it. */
import { http1Alpn } from "../../http1/alpn.ts";
import { EndpointConnection } from "../../http1/endpoint-side/endpoint-connection.ts";
import { lenientRules, strictRules } from "../../http1/syntax/response-parser.ts";
import type { EndpointSpec } from "../endpoint.ts";
import { ConnectionPool, type TransportContext, type TransportOptions } from "./connection-pool.ts";

export type { TransportContext, TransportOptions } from "./connection-pool.ts";

/** Sends attempts to one endpoint over HTTP/1.1. */
export class Http1Transport extends ConnectionPool {
  constructor(spec: EndpointSpec, options: TransportOptions, context: TransportContext) {
    const rules = options.isLenient ? lenientRules : strictRules;
    super({
      spec,
      options,
      context,
      protocol: (wire, owner) => new EndpointConnection(owner, wire, rules),
      alpn: [http1Alpn],
    });
  }
}
