/** A configuration under a key of Consul's key/value store. */
import type { Scheduler } from "../../base/scheduler.ts";
import { type ConsulClient, keyPath } from "../../remote/consul/consul-client.ts";
import { consulLeaseDriver } from "../../remote/consul/lease-driver.ts";
import { readValues } from "../../remote/consul/read-values.ts";
import { LeasedText } from "../../remote/leased-text.ts";
import type { ConfigStore, ConfigStoreObserver, StatusKey, StoredText } from "./config-store.ts";

/** What it is made of. */
export interface ConsulConfigStoreParts {
  readonly client: ConsulClient;
  readonly key: string;
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: () => number;
  /** Ends what was made for it alone. */
  onClosed(): void;
}

/** One key of one datacentre. */
export class ConsulConfigStore implements ConfigStore {
  readonly name: string;
  readonly #client: ConsulClient;
  readonly #parts: ConsulConfigStoreParts;

  constructor(parts: ConsulConfigStoreParts) {
    this.#parts = parts;
    this.#client = parts.client;
    this.name = parts.name;
  }

  follow(observer: ConfigStoreObserver): { close(): void } {
    return this.#client.follow(
      keyPath(this.#parts.key),
      {},
      {
        onAnswer: (answer) => {
          const values = readValues(answer);
          if (values === null) return "the answer is no value of the key/value store";
          const [value] = values;
          observer.onValue(value === undefined ? null : { text: value.text, version: value.version });
          return null;
        },
        onAlive: () => observer.onAlive(),
        onFailure: (reason) => observer.onFailure(reason),
      },
    );
  }

  async read(): Promise<StoredText | null> {
    const found = await this.#client.getKey(this.#parts.key);
    return found === null ? null : { text: found.value, version: found.modifyIndex };
  }

  write(text: string, version: string | null): Promise<boolean> {
    return this.#client.putKey(this.#parts.key, text, { modifyIndex: version ?? "0" });
  }

  openStatus(instance: string, onFailure: (reason: string) => void): StatusKey {
    const { key, scheduler, random } = this.#parts;
    const driver = consulLeaseDriver(this.#client, `${key}/status/${instance}`);
    return new LeasedText({ driver, scheduler, random, onFailure });
  }

  statuses(): Promise<ReadonlyMap<string, string>> {
    const prefix = `${this.#parts.key}/status/`;
    const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, string>>();
    // The first answer of a list that is followed comes at once.
    const followed = this.#client.follow(
      keyPath(prefix),
      { recurse: "" },
      {
        onAnswer: (answer) => {
          const values = readValues(answer);
          if (values === null) return "the answer is no list of values";
          resolve(new Map(values.map(({ key, text }) => [key.slice(prefix.length), text])));
          return null;
        },
        onAlive: () => {},
        onFailure: (reason) => reject(new Error(reason)),
      },
    );
    return promise.finally(() => followed.close());
  }

  close(): void {
    this.#client.close();
    this.#parts.onClosed();
  }
}
