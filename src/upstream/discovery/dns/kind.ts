/** Discovery by DNS, as the list of kinds has it. */
import type { DiscoveryKind } from "../discovery.ts";
import type { DnsDiscoveryOptions } from "./options.ts";

/** Follows the records of a name. */
export const dnsKind: DiscoveryKind<DnsDiscoveryOptions> = {
  key: "dns",
  describe: ({ name, type }) => `dns ${name}${type === "addresses" ? "" : ` ${type}`}`,
  create: async (options, context) => {
    const { DnsDiscovery } = await import("./dns-discovery.ts");
    return new DnsDiscovery(options, context);
  },
};
