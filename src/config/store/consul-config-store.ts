/** A configuration under a key of Consul's key/value store. */
import type { Scheduler } from "../../base/scheduler.ts";
import { type ConsulAnswer, type ConsulClient, keyPath } from "../../remote/consul/consul-client.ts";
import type { ConfigStore, ConfigStoreObserver, StatusKey, StoredText } from "./config-store.ts";
import { LeasedText, leaseSeconds } from "./leased-text.ts";

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
    const client = this.#client;
    const driver = {
      grant: () => client.createSession(leaseSeconds * 1_000),
      renew: (session: string) => client.renewSession(session),
      put: (text: string, session: string) => client.putKey(`${key}/status/${instance}`, text, { acquiredBy: session }),
      // The key goes with its session.
      release: (session: string) => client.destroySession(session),
    };
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

interface ReadValue extends StoredText {
  readonly key: string;
}

/** The values of an answer, in their order; null if it holds something else. A key that is not there is no value. */
function readValues({ body }: ConsulAnswer): ReadValue[] | null {
  if (body === null) return [];
  if (!Array.isArray(body)) return null;
  const values: ReadValue[] = [];
  for (const entry of body as unknown[]) {
    if (typeof entry !== "object" || entry === null) return null;
    const { Key: key, Value: value, ModifyIndex: index } = entry as Readonly<Record<string, unknown>>;
    if (typeof key !== "string" || typeof index !== "number" || (typeof value !== "string" && value !== null))
      return null;
    values.push({ key, text: Buffer.from(value ?? "", "base64").toString("utf8"), version: String(index) });
  }
  return values;
}
