/** The networks that Millrace itself is in, if it runs in a container of the engine that it asks. */
import type { DockerContainer } from "./container.ts";

/** What Docker calls the machine inside a container, unless it is told otherwise. */
const shortId = /^[\da-f]{12}$/;

/**
 * Their names; null if it is not known to be in such a container, or shares the network of the machine: then any network
 * may be reached.
 * @param hostName what this machine calls itself
 */
export function ownNetworksOf(containers: readonly DockerContainer[], hostName: string): ReadonlySet<string> | null {
  if (!shortId.test(hostName)) return null;
  const own = containers.find(({ id }) => id.startsWith(hostName));
  if (own === undefined || own.networks.length === 0 || own.networkMode === "host") return null;
  return new Set(own.networks.map(({ name }) => name));
}
