/** Endpoints from a list to what the data path takes. The control thread needs no more of the data path than this. */
import type { ProxyProtocolVersion } from "../net/proxy-protocol/write-header.ts";
import type { ListedEndpoint } from "../upstream/endpoint-source.ts";
import { usesTls } from "../upstream/endpoint-address.ts";
import { defaultEndpointTls, type EndpointTls } from "../upstream/endpoint-tls.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";

/** The endpoints of an upstream as the data path takes them. */
export function toEndpointSpecs({
  endpoints,
  lenient,
  proxyProtocol,
  tls,
}: {
  readonly endpoints: readonly ListedEndpoint[];
  readonly lenient: boolean;
  readonly proxyProtocol: ProxyProtocolVersion | null;
  readonly tls: EndpointTls | null;
}): EndpointSpec[] {
  return endpoints.map(({ url, host, port, socketPath, weight, backup, zone, identity }) => ({
    url,
    host,
    port,
    socketPath,
    weight,
    isBackup: backup,
    zone,
    identity,
    isLenient: lenient,
    proxyProtocol,
    tls: usesTls(url) ? (tls ?? defaultEndpointTls) : null,
  }));
}
