/** Opens a store by its URL. The clients of stores are loaded here, and only the one that is needed. */
import { type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { HostResolver } from "../../upstream/names/host-resolver.ts";
import { toLookupFunction } from "../../upstream/names/lookup-function.ts";
import type { ConfigStore } from "./config-store.ts";
import type { StorePlace } from "./store-place.ts";

/** How a store is opened. */
export interface OpenStoreOptions {
  readonly scheduler?: Scheduler;
  readonly random?: () => number;
  /** What is asked keeps the process alive, as a command wants it that ends by itself. */
  readonly keepsProcess: boolean;
}

/** Connects to nothing yet. @throws a sentence about a file of TLS that cannot be used */
export async function openConfigStore(place: StorePlace, options: OpenStoreOptions): Promise<ConfigStore> {
  const { scheduler = systemScheduler, random = Math.random, keepsProcess } = options;
  const { kind, key, name } = place;
  const tls = await readTls(place);
  // A service must not wait for a name on the four threads of Node.js, which its logs need, too.
  const resolver = keepsProcess ? null : new HostResolver({ scheduler, random });
  const parts = {
    scheduler,
    random,
    keepsProcess,
    ...(resolver !== null && { lookup: toLookupFunction(resolver) }),
  };
  const onClosed = (): void => resolver?.close();
  if (kind === "consul") {
    const [{ createConsulClient }, { ConsulConfigStore }] = await Promise.all([
      import("../../remote/consul/http-consul.ts"),
      import("./consul-config-store.ts"),
    ]);
    const { token, datacentre } = place;
    const client = createConsulClient({ url: place.urls[0] ?? "", token, datacentre, tls }, parts);
    return new ConsulConfigStore({ client, key, name, scheduler, random, onClosed });
  }
  const [{ createEtcdClient }, { EtcdConfigStore }] = await Promise.all([
    import("../../remote/etcd/etcd-client.ts"),
    import("./etcd-config-store.ts"),
  ]);
  const client = createEtcdClient({ urls: place.urls, login: place.login, tls }, parts);
  return new EtcdConfigStore({ client, key, name, scheduler, random, onClosed });
}

async function readTls({ ca, cert, keyFile }: StorePlace) {
  if (ca === null && cert === null) return null;
  const { remoteTlsOf } = await import("../../remote/remote-tls-files.ts");
  const source = remoteTlsOf({ ca, cert, key: keyFile, serverName: null, verify: true });
  // What is wrong with the files is said at once, not as a store that is away.
  if (typeof source === "function") source();
  return source;
}
