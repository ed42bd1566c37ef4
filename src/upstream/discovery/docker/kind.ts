/** Discovery by Docker, as the list of kinds has it. */
import type { DiscoveryKind } from "../discovery.ts";
import type { DockerDiscoveryOptions } from "./options.ts";

/** Follows the containers of an engine by their labels. */
export const dockerKind: DiscoveryKind<DockerDiscoveryOptions> = {
  key: "docker",
  describe: ({ host, labels }) =>
    `docker ${host.socketPath ?? host.authority}${labels === null ? "" : ` ${labels.join(" ")}`}`,
  async create(options, context) {
    const { DockerDiscovery } = await import("./docker-discovery.ts");
    return new DockerDiscovery(options, context);
  },
};
