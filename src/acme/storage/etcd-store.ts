/** Values and locks in etcd. A lock is a key that goes with the lease of its holder. */
import { randomUUID } from "node:crypto";
import type { Scheduler } from "../../base/scheduler.ts";
import type { EtcdClient } from "../../remote/etcd/etcd.ts";
import { type AcmeStore, assertStoreKey, lockLifeMs, type StoreLock } from "./acme-store.ts";
import { LockBeat } from "./lock-beat.ts";
import { askingIn } from "./named-place.ts";

/** What the store is made of. */
export interface EtcdStoreParts {
  /** Closed with the store. */
  readonly client: EtcdClient;
  /** What all keys begin with. */
  readonly prefix: string;
  readonly scheduler: Scheduler;
}

/** The keys of one cluster that begin with a prefix. */
export class EtcdStore implements AcmeStore {
  readonly #parts: EtcdStoreParts;

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
  }

  async read(key: string): Promise<string | null> {
    const { entries } = await this.#ask((client) => client.range(this.#key(key), { isKey: true }));
    return entries[0]?.value ?? null;
  }

  async write(key: string, value: string): Promise<void> {
    await this.#ask((client) => client.put(this.#key(key), value));
  }

  async remove(key: string): Promise<void> {
    await this.#ask((client) => client.remove(this.#key(key)));
  }

  async lock(name: string): Promise<StoreLock | null> {
    const key = this.#key(`locks/${name}`);
    const lease = await this.#ask((client) => client.grant(Math.ceil(lockLifeMs / 1_000)));
    const release = (): Promise<void> => this.#ask((client) => client.revoke(lease));
    const isTaken = await this.#ask((client) => client.putIf(key, randomUUID(), { modRevision: "0", lease }));
    if (!isTaken) {
      await release();
      return null;
    }
    // A lease that is over has no time to live; the key went with it.
    const beat = async (): Promise<boolean> => (await this.#ask((client) => client.keepAlive(lease))) > 0;
    return new LockBeat({ scheduler: this.#parts.scheduler, beat, release });
  }

  close(): void {
    this.#parts.client.close();
  }

  #ask<Value>(ask: (client: EtcdClient) => Promise<Value>): Promise<Value> {
    return askingIn("etcd", ask(this.#parts.client));
  }

  #key(key: string): string {
    assertStoreKey(key);
    return this.#parts.prefix + key;
  }
}
