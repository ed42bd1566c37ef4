/** Discovery by etcd, as the list of kinds has it. */
import type { DiscoveryKind } from "../discovery.ts";
import type { EtcdDiscoveryOptions } from "./options.ts";

/** Follows the keys of a cluster that begin with a prefix. */
export const etcdKind: DiscoveryKind<EtcdDiscoveryOptions> = {
  key: "etcd",
  describe: ({ urls, prefix }) => `etcd ${urls.join(",")} ${prefix}`,
  async create({ prefix, ...cluster }, { scheduler, random, lookup }) {
    const { borrowEtcdClient } = await import("../../../remote/etcd/shared-clients.ts");
    const { EtcdDiscovery } = await import("./etcd-discovery.ts");
    return new EtcdDiscovery(() => borrowEtcdClient(cluster, { scheduler, random, lookup }), prefix);
  },
};
