/**
 * One client for all who speak to the same cluster with the same login: a thousand upstreams need one connection, not a
 * thousand.
 */
import type { LookupFunction } from "node:net";
import { remoteTlsOf } from "../remote-tls-files.ts";
import type { EtcdClient, EtcdFollowing } from "./etcd.ts";
import { createEtcdClient, type EtcdClientParts, etcdLoginOf } from "./etcd-client.ts";
import type { EtcdClusterOptions } from "./etcd-cluster-options.ts";

interface Shared {
  readonly client: EtcdClient;
  borrowers: number;
}

/** By who resolves names, because programs may have several proxies; then by the options. */
const shared = new WeakMap<LookupFunction, Map<string, Shared>>();

/**
 * A client as `createEtcdClient` makes it, which may be one that others have, too. Closing it ends what this borrower
 * follows, and the connections with the last borrower.
 */
export function borrowEtcdClient(
  { urls, user, password, tls }: EtcdClusterOptions,
  parts: EtcdClientParts & { readonly lookup: LookupFunction },
): EtcdClient {
  let clients = shared.get(parts.lookup);
  if (clients === undefined) shared.set(parts.lookup, (clients = new Map()));
  const name = JSON.stringify([urls, user, password, tls]);
  let lent = clients.get(name);
  if (lent === undefined) {
    const login = etcdLoginOf({ user, password });
    lent = { client: createEtcdClient({ urls, login, tls: remoteTlsOf(tls) }, parts), borrowers: 0 };
    clients.set(name, lent);
  }
  lent.borrowers++;
  return borrowed(lent, () => clients.delete(name));
}

function borrowed(lent: Shared, forget: () => void): EtcdClient {
  const { client } = lent;
  const followings = new Set<EtcdFollowing>();
  let isClosed = false;
  return {
    range: (prefix, scope) => client.range(prefix, scope),
    put: (key, value, options) => client.put(key, value, options),
    remove: (key) => client.remove(key),
    putIf: (key, value, condition) => client.putIf(key, value, condition),
    grant: (ttlSeconds) => client.grant(ttlSeconds),
    keepAlive: (lease) => client.keepAlive(lease),
    revoke: (lease) => client.revoke(lease),
    follow: (prefix, observer, scope) => {
      const following = client.follow(prefix, observer, scope);
      followings.add(following);
      return {
        close: () => {
          followings.delete(following);
          following.close();
        },
      };
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      for (const following of followings) following.close();
      if (--lent.borrowers > 0) return;
      forget();
      client.close();
    },
  };
}
