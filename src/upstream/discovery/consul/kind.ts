/** Discovery by Consul, as the list of kinds has it. */
import type { DiscoveryKind } from "../discovery.ts";
import type { ConsulDiscoveryOptions } from "./options.ts";

/** Follows the instances of a service. */
export const consulKind: DiscoveryKind<ConsulDiscoveryOptions> = {
  key: "consul",
  describe: ({ url, service, datacentre }) =>
    `Consul ${url} service ${service}${datacentre === null ? "" : ` in ${datacentre}`}`,
  create: async (options, { scheduler, random, lookup }) => {
    const [{ ConsulDiscovery }, { createConsulClient }, { remoteTlsOf }] = await Promise.all([
      import("./consul-discovery.ts"),
      import("../../../remote/consul/http-consul.ts"),
      import("../../../remote/remote-tls-files.ts"),
    ]);
    const client = createConsulClient({ ...options, tls: remoteTlsOf(options.tls) }, { scheduler, random, lookup });
    return new ConsulDiscovery(client, options);
  },
};
