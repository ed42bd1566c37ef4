/** Endpoints from the keys of etcd that begin with a prefix: a key is an endpoint, and goes with its lease. */
import type { EtcdClient } from "../../../remote/etcd/etcd.ts";
import type { Discovery, DiscoveryObserver } from "../discovery.ts";
import { EtcdEndpoints } from "./etcd-endpoints.ts";

/** Follows one prefix. */
export class EtcdDiscovery implements Discovery {
  readonly #open: () => EtcdClient;
  readonly #prefix: string;
  #client: EtcdClient | null = null;

  /** @param open called at the start: nothing is connected to, or shared, before */
  constructor(open: () => EtcdClient, prefix: string) {
    this.#open = open;
    this.#prefix = prefix;
  }

  start(observer: DiscoveryObserver): void {
    const reader = new EtcdEndpoints(this.#prefix);
    this.#client = this.#open();
    this.#client.follow(this.#prefix, {
      onEntries: (entries, version) => {
        const list = reader.read(entries.values());
        if (typeof list === "string") return observer.onFailure(list);
        const { endpoints, refused } = list;
        // Leases end while their holders cannot reach the cluster: that all are gone may be its fault.
        observer.onSnapshot({ endpoints, refused, version, isCertain: false });
      },
      onAlive: () => observer.onAlive(),
      onFailure: (reason) => observer.onFailure(reason),
    });
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }
}
