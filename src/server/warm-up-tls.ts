/**
 * Loads what TLS to endpoints needs, before requests wait for it: `node:tls` takes 13 ms of a thread, and the first
 * context that trusts the well-known authorities as long again.
 */
import type { Config } from "../config/schema.ts";
import { clientContextOf } from "../net/tls/client-context.ts";
import { nodeTls } from "../net/tls/node-tls.ts";
import { usesTls } from "../upstream/endpoint-address.ts";
import { defaultEndpointTls } from "../upstream/endpoint-tls.ts";

/** Does so if an endpoint of `config` speaks TLS. Harmless if it was done before. */
export function warmUpTls({ upstreams }: Pick<Config, "upstreams">): void {
  for (const name of Object.keys(upstreams)) {
    const { endpoints, tls } = upstreams[name]!;
    if (!endpoints.some(({ url }) => usesTls(url))) continue;
    nodeTls();
    if (tls !== null && (tls.ca !== null || !tls.verify)) continue;
    const { texts, minVersion } = tls ?? defaultEndpointTls;
    clientContextOf(texts, minVersion);
    return;
  }
}
