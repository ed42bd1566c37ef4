/** A key of etcd that goes with whoever writes it. */
import { type LeaseDriver, leaseSeconds } from "../leased-text.ts";
import type { EtcdClient } from "./etcd.ts";

/** Writes the key that `keyOf` says at the time of the write. */
export function etcdLeaseDriver(client: EtcdClient, keyOf: () => string): LeaseDriver {
  return {
    grant: () => client.grant(leaseSeconds),
    renew: async (lease) => (await client.keepAlive(lease)) > 0,
    async put(text, lease) {
      await client.put(keyOf(), text, { lease });
      return true;
    },
    release: (lease) => client.revoke(lease),
  };
}
