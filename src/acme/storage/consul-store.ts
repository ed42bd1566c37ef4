/**
 * Values and locks in the key/value store of Consul. A lock is a key that the session of its holder has acquired: if the
 * holder is silent for `lockLifeMs`, Consul ends the session, at the latest after twice that time.
 */
import type { Scheduler } from "../../base/scheduler.ts";
import type { ConsulClient } from "../../remote/consul/consul-client.ts";
import { type AcmeStore, assertStoreKey, lockLifeMs, type StoreLock } from "./acme-store.ts";
import { LockBeat } from "./lock-beat.ts";
import { askingIn } from "./named-place.ts";

/** What the store is made of. */
export interface ConsulStoreParts {
  /** Closed with the store. */
  readonly client: ConsulClient;
  /** What all keys begin with. */
  readonly prefix: string;
  readonly scheduler: Scheduler;
}

/** The keys of one datacentre that begin with a prefix. */
export class ConsulStore implements AcmeStore {
  readonly #parts: ConsulStoreParts;

  constructor(parts: ConsulStoreParts) {
    this.#parts = parts;
  }

  async read(key: string): Promise<string | null> {
    return (await this.#ask((client) => client.getKey(this.#key(key))))?.value ?? null;
  }

  async write(key: string, value: string): Promise<void> {
    await this.#ask((client) => client.putKey(this.#key(key), value));
  }

  async remove(key: string): Promise<void> {
    await this.#ask((client) => client.removeKey(this.#key(key)));
  }

  async lock(name: string): Promise<StoreLock | null> {
    const key = this.#key(`locks/${name}`);
    const session = await this.#ask((client) => client.createSession(lockLifeMs));
    const end = (): Promise<void> => this.#ask((client) => client.destroySession(session));
    const isTaken = await this.#ask((client) => client.putKey(key, "", { acquiredBy: session }));
    if (!isTaken) {
      await end();
      return null;
    }
    return new LockBeat({
      scheduler: this.#parts.scheduler,
      // A session may be renewed while its lock has been taken away, by an operator who removed the key.
      beat: async () =>
        (await this.#ask((client) => client.renewSession(session))) &&
        (await this.#ask((client) => client.getKey(key)))?.session === session,
      release: async () => {
        // A lock that ends with its session is free for nobody for some time; one that is given back is free at once.
        await this.#ask((client) => client.putKey(key, "", { releasedBy: session }));
        await end();
      },
    });
  }

  close(): void {
    this.#parts.client.close();
  }

  #ask<Value>(ask: (client: ConsulClient) => Promise<Value>): Promise<Value> {
    return askingIn("Consul", ask(this.#parts.client));
  }

  #key(key: string): string {
    assertStoreKey(key);
    return this.#parts.prefix + key;
  }
}
