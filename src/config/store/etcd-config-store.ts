/**
 * A configuration under a key of etcd. By custom keys begin with a slash, and some people leave it out: the path of the URL
 * means the key with its slash, and if there is none, the one without.
 */
import type { Scheduler } from "../../base/scheduler.ts";
import type { EtcdClient, EtcdEntry } from "../../remote/etcd/etcd.ts";
import { etcdLeaseDriver } from "../../remote/etcd/lease-driver.ts";
import { LeasedText } from "../../remote/leased-text.ts";
import type { ConfigStore, ConfigStoreObserver, StatusKey, StoredText } from "./config-store.ts";

/** What it is made of. */
export interface EtcdConfigStoreParts {
  readonly client: EtcdClient;
  /** With its slash. */
  readonly key: string;
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: () => number;
  /** Ends what was made for it alone. */
  onClosed(): void;
}

/** One key of one cluster. */
export class EtcdConfigStore implements ConfigStore {
  readonly name: string;
  readonly #client: EtcdClient;
  readonly #parts: EtcdConfigStoreParts;
  readonly #spellings: readonly [string, string];
  /** The spelling that the value was found under last. */
  #key: string;

  constructor(parts: EtcdConfigStoreParts) {
    this.#parts = parts;
    this.#client = parts.client;
    this.name = parts.name;
    this.#key = parts.key;
    this.#spellings = [parts.key, parts.key.replace(/^\/+/, "")];
  }

  follow(observer: ConfigStoreObserver): { close(): void } {
    const [key, bareKey] = this.#spellings;
    // Undefined: not known yet.
    let own: EtcdEntry | null | undefined = undefined;
    let bare: EtcdEntry | null | undefined = undefined;
    const tell = (): void => {
      if (own === undefined || (own === null && bare === undefined)) return;
      observer.onValue(this.#choose(own, bare ?? null));
    };
    const followed = [
      this.#client.follow(
        key,
        {
          onEntries: (entries) => {
            own = entries.get(key) ?? null;
            tell();
          },
          onAlive: () => observer.onAlive(),
          onFailure: (reason) => observer.onFailure(reason),
        },
        { isKey: true },
      ),
      this.#client.follow(
        bareKey,
        {
          onEntries: (entries) => {
            bare = entries.get(bareKey) ?? null;
            if (own !== undefined && own !== null) return;
            tell();
          },
          onAlive: () => {},
          // Who may not even read it does not keep his configuration there.
          onFailure: () => {
            if (bare !== undefined) return;
            bare = null;
            tell();
          },
        },
        { isKey: true },
      ),
    ];
    return {
      close: () => {
        for (const one of followed) one.close();
      },
    };
  }

  async read(): Promise<StoredText | null> {
    const [key, bareKey] = this.#spellings;
    const own = await this.#readKey(key);
    return this.#choose(own, own === null ? await this.#readKey(bareKey).catch(() => null) : null);
  }

  async write(text: string, version: string | null): Promise<boolean> {
    const [key, bareKey] = this.#spellings;
    const condition = { modRevision: version ?? "0" };
    if (await this.#client.putIf(key, text, condition)) return true;
    // No two keys were written last at one revision by hand.
    return version !== null && this.#key === bareKey && this.#client.putIf(bareKey, text, condition);
  }

  openStatus(instance: string, onFailure: (reason: string) => void): StatusKey {
    const { scheduler, random } = this.#parts;
    const driver = etcdLeaseDriver(this.#client, () => `${this.#key}/status/${instance}`);
    return new LeasedText({ driver, scheduler, random, onFailure });
  }

  async statuses(): Promise<ReadonlyMap<string, string>> {
    const prefix = `${this.#key}/status/`;
    const { entries } = await this.#client.range(prefix);
    return new Map(entries.map(({ key, value }) => [key.slice(prefix.length), value]));
  }

  close(): void {
    this.#client.close();
    this.#parts.onClosed();
  }

  async #readKey(key: string): Promise<EtcdEntry | null> {
    return (await this.#client.range(key, { isKey: true })).entries[0] ?? null;
  }

  #choose(own: EtcdEntry | null, bare: EtcdEntry | null): StoredText | null {
    const entry = own ?? bare;
    if (entry === null) return null;
    this.#key = entry.key;
    return { text: entry.value, version: entry.modRevision };
  }
}
