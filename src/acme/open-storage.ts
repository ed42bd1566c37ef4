/** Opens what `acme.storage` says. */
import { resolve } from "node:path";
import { type Scheduler, systemScheduler } from "../base/scheduler.ts";
import { stateFolder } from "../base/state-folder.ts";
import type { AcmeOptions } from "../net/tls/acme-options.ts";
import { createConsulClient } from "../remote/consul/http-consul.ts";
import { createEtcdClient, etcdLoginOf } from "../remote/etcd/etcd-client.ts";
import { remoteTlsOf } from "../remote/remote-tls-files.ts";
import type { StoreOptions } from "../store/options.ts";
import type { AcmeStore } from "./storage/acme-store.ts";
import { ConsulStore } from "./storage/consul-store.ts";
import { EtcdStore } from "./storage/etcd-store.ts";
import { FolderStore } from "./storage/folder-store.ts";
import { RedisStore } from "./storage/redis-store.ts";

/** What is opened, and who reads the files that it names. */
export interface StorageParts {
  readonly storage: AcmeOptions["storage"];
  /** What `storage.store` names; null if it names nothing. */
  readonly store: StoreOptions | null;
  readonly scheduler: Scheduler;
  readFile(path: string): Promise<string>;
}

/** In one of `stores`, below its prefix. */
function openIn({ redis, etcd, consul }: StoreOptions, scheduler: Scheduler): AcmeStore {
  if (redis !== null) return new RedisStore(redis, scheduler);
  if (etcd !== null) {
    const client = createEtcdClient({ urls: etcd.urls, login: etcdLoginOf(etcd), tls: remoteTlsOf(etcd.tls) });
    return new EtcdStore({ client, prefix: `${etcd.prefix}acme/`, scheduler });
  }
  if (consul === null) throw new Error("a store of no kind");
  const options = { ...consul, tls: remoteTlsOf(consul.tls) };
  const client = createConsulClient(options, { scheduler: systemScheduler, random: Math.random });
  return new ConsulStore({ client, prefix: `${consul.prefix}acme/`, scheduler });
}

/** Connects to nothing yet. @throws what `readFile` throws */
export async function openStorage({ storage, store, scheduler, readFile }: StorageParts): Promise<AcmeStore> {
  if (storage === null) return new FolderStore(stateFolder(process.env, "acme"), scheduler);
  if (typeof storage === "string") return new FolderStore(resolve(storage), scheduler);
  if (storage.redis !== null) return new RedisStore(storage.redis, scheduler);
  if (store !== null) return openIn(store, scheduler);
  if (storage.etcd === null) throw new Error("a storage of neither kind");
  const { urls, prefix, ca } = storage.etcd;
  const login = etcdLoginOf(storage.etcd);
  const tls = ca === null ? null : { ca: await readFile(ca), cert: null, key: null, serverName: null, verify: true };
  return new EtcdStore({ client: createEtcdClient({ urls, login, tls }), prefix, scheduler });
}
