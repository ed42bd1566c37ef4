/** Every proxy the benchmark knows, in the order of its tables. */
import { caddy, caddyEncode } from "./caddy.ts";
import { goProxy, pooledGoProxy } from "./go-proxy.ts";
import { haproxy, haproxyTcp } from "./haproxy.ts";
import { httpProxy } from "./http-proxy.ts";
import { millraceCache, millraceCompress, millracePeer, millraceTcp, millraceVariants } from "./millrace.ts";
import { nginx, nginxCachePeer, nginxGzip } from "./nginx.ts";
import type { Peer } from "./peer.ts";
import { varnishPeer } from "./varnish.ts";

export function createCatalog(millraceCommand: readonly string[]): Peer[] {
  return [
    nginx,
    haproxy,
    ...millraceVariants.map((variant) => millracePeer(variant, millraceCommand)),
    goProxy,
    pooledGoProxy,
    caddy,
    httpProxy,
    haproxyTcp,
    millracePeer(millraceTcp, millraceCommand),
    nginxCachePeer(2 ** 30),
    varnishPeer({ maxBytes: 2 ** 30 }),
    millracePeer(millraceCache, millraceCommand),
    nginxGzip,
    caddyEncode,
    millracePeer(millraceCompress, millraceCommand),
  ];
}
