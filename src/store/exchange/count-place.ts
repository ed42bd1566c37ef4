/** Where instances tell each other what they have counted: keys below one prefix of etcd or Consul. */
import type { LookupFunction } from "node:net";
import type { RandomSource } from "../../base/random.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import { type ConsulAnswer, type ConsulClient, keyPath } from "../../remote/consul/consul-client.ts";
import { readValues } from "../../remote/consul/read-values.ts";
import type { EtcdClient } from "../../remote/etcd/etcd.ts";
import { LeasedText, type LeasedTextParts } from "../../remote/leased-text.ts";
import type { StoreOptions } from "../options.ts";

/** Hears what others tell. */
export interface CountObserver {
  /** What all instances tell now, by their names; this one's is among them. */
  onTexts(texts: ReadonlyMap<string, string>): void;
  /** The store has answered: what was told last is how it is now. */
  onAlive(): void;
  /** The store cannot be asked. It is asked again. @param reason without secrets */
  onFailure(reason: string): void;
}

/** Hears whether what this instance tells could be written: of each first failure and each first success after it. */
export type TextHears = Required<Pick<LeasedTextParts, "onFailure" | "onRecovery">>;

/** A place in a store. */
export interface CountPlace {
  follow(observer: CountObserver): void;
  /** Opens what this instance tells; it goes with the instance. */
  openText(instance: string, hears: TextHears): Pick<LeasedText, "write" | "close">;
  close(): void;
}

/** What a place is lent. */
export interface CountPlaceParts {
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  readonly lookup: LookupFunction;
}

/** Opens the place in `store`, which is one of etcd or Consul. Connects when it is followed. */
export async function openCountPlace(store: StoreOptions, parts: CountPlaceParts): Promise<CountPlace> {
  if (store.etcd !== null) {
    const [{ borrowEtcdClient }, { etcdLeaseDriver }] = await Promise.all([
      import("../../remote/etcd/shared-clients.ts"),
      import("../../remote/etcd/lease-driver.ts"),
    ]);
    const client = borrowEtcdClient(store.etcd, parts);
    const prefix = `${store.etcd.prefix}counts/`;
    return new Place(
      client,
      followEtcd(client, prefix),
      (instance, hears) =>
        new LeasedText({ driver: etcdLeaseDriver(client, () => prefix + instance), ...parts, ...hears }),
    );
  }
  if (store.consul === null) throw new Error("a store that keeps no counts");
  const [{ createConsulClient }, { consulLeaseDriver }, { remoteTlsOf }] = await Promise.all([
    import("../../remote/consul/http-consul.ts"),
    import("../../remote/consul/lease-driver.ts"),
    import("../../remote/remote-tls-files.ts"),
  ]);
  const client = createConsulClient({ ...store.consul, tls: remoteTlsOf(store.consul.tls) }, parts);
  const prefix = `${store.consul.prefix}counts/`;
  return new Place(
    client,
    followConsul(client, prefix),
    (instance, hears) => new LeasedText({ driver: consulLeaseDriver(client, prefix + instance), ...parts, ...hears }),
  );
}

/** Follows all keys below a prefix, by what is behind it. */
type FollowTexts = (observer: CountObserver) => void;

class Place implements CountPlace {
  readonly #client: { close(): void };
  readonly #open: CountPlace["openText"];
  readonly follow: FollowTexts;

  constructor(client: { close(): void }, follow: FollowTexts, open: CountPlace["openText"]) {
    this.#client = client;
    this.follow = follow;
    this.#open = open;
  }

  openText(instance: string, hears: TextHears): ReturnType<CountPlace["openText"]> {
    return this.#open(instance, hears);
  }

  close(): void {
    this.#client.close();
  }
}

function followEtcd(client: EtcdClient, prefix: string): FollowTexts {
  return ({ onTexts, ...observer }) => {
    client.follow(prefix, {
      ...observer,
      onEntries: (entries) =>
        onTexts(new Map([...entries].map(([key, { value }]) => [key.slice(prefix.length), value]))),
    });
  };
}

function followConsul(client: ConsulClient, prefix: string): FollowTexts {
  return ({ onTexts, ...observer }) => {
    const onAnswer = (answer: ConsulAnswer): string | null => {
      const values = readValues(answer);
      if (values === null) return "the answer is no list of values";
      onTexts(new Map(values.map(({ key, text }) => [key.slice(prefix.length), text])));
      return null;
    };
    client.follow(keyPath(prefix), { recurse: "" }, { ...observer, onAnswer });
  };
}
