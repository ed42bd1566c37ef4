/** Opens what `acme.storage` says. */
import { resolve } from "node:path";
import type { Scheduler } from "../base/scheduler.ts";
import { stateFolder } from "../base/state-folder.ts";
import type { AcmeOptions } from "../net/tls/acme-options.ts";
import { createEtcdClient } from "../remote/etcd/etcd-client.ts";
import type { AcmeStore } from "./storage/acme-store.ts";
import { EtcdStore } from "./storage/etcd-store.ts";
import { FolderStore } from "./storage/folder-store.ts";
import { RedisStore } from "./storage/redis-store.ts";

/** What is opened, and who reads the files that it names. */
export interface StorageParts {
  readonly storage: AcmeOptions["storage"];
  readonly scheduler: Scheduler;
  readFile(path: string): Promise<string>;
}

/** Connects to nothing yet. @throws what `readFile` throws */
export async function openStorage({ storage, scheduler, readFile }: StorageParts): Promise<AcmeStore> {
  if (storage === null) return new FolderStore(stateFolder(process.env, "acme"), scheduler);
  if (typeof storage === "string") return new FolderStore(resolve(storage), scheduler);
  if (storage.redis !== null) return new RedisStore(storage.redis, scheduler);
  if (storage.etcd === null) throw new Error("a storage of neither kind");
  const { urls, prefix, user, password, ca } = storage.etcd;
  const login = user === null ? null : { user, password: password ?? "" };
  const tls = ca === null ? null : { ca: await readFile(ca), cert: null, key: null, serverName: null, verify: true };
  return new EtcdStore({ client: createEtcdClient({ urls, login, tls }), prefix, scheduler });
}
