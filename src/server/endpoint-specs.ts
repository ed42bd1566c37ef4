/** Endpoints from a list to what the data path takes. The control thread needs no more of the data path than this. */
import type { ListedEndpoint } from "../upstream/endpoint-source.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";

/** The endpoints of an upstream as the data path takes them. */
export function toEndpointSpecs({
  endpoints,
  lenient,
}: {
  readonly endpoints: readonly ListedEndpoint[];
  readonly lenient: boolean;
}): EndpointSpec[] {
  return endpoints.map(({ url, host, port, socketPath, weight, backup, zone }) => ({
    url,
    host,
    port,
    socketPath,
    weight,
    isBackup: backup,
    zone,
    isLenient: lenient,
  }));
}
