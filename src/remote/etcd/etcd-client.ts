/** Makes clients of etcd. */
import type { LookupFunction } from "node:net";
import type { RandomSource } from "../../base/random.ts";
import { type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { createRemoteHttp } from "../http-client.ts";
import {
  type EtcdLogin,
  type EtcdClient,
  type EtcdCondition,
  EtcdError,
  type EtcdFollowing,
  type EtcdList,
  type EtcdObserver,
  type EtcdOptions,
  type EtcdScope,
  etcdCodes,
} from "./etcd.ts";
import { EtcdMembers } from "./etcd-members.ts";
import { EtcdFollower } from "./follower.ts";
import { asList, asObject, fromBase64, readInteger, toBase64, toKeyRange } from "./gateway-values.ts";
import { listKeys } from "./list-keys.ts";

/** What a client is lent. */
export interface EtcdClientParts {
  readonly scheduler?: Scheduler;
  readonly random?: RandomSource;
  /** Without it, Node.js resolves names on its four threads. */
  readonly lookup?: LookupFunction;
  /** What is under way keeps the process alive, as a command wants it. Default: it does not. */
  readonly keepsProcess?: boolean;
}

/** The login that options say; null without a user: the cluster lets everybody in. */
export function etcdLoginOf(options: {
  readonly user: string | null;
  readonly password: string | null;
}): EtcdLogin | null {
  const { user, password } = options;
  return user === null ? null : { user, password: password ?? "" };
}

/** A client with connections of its own; it connects when it is asked something. Close it. */
export function createEtcdClient(
  options: EtcdOptions,
  { scheduler = systemScheduler, random = Math.random, lookup, keepsProcess = false }: EtcdClientParts = {},
): EtcdClient {
  const http = createRemoteHttp({ tls: options.tls, scheduler, keepsProcess, ...(lookup !== undefined && { lookup }) });
  const members = new EtcdMembers({ options, http, scheduler, random });
  return new Client(members, new EtcdFollower({ members, scheduler, random }));
}

class Client implements EtcdClient {
  readonly #members: EtcdMembers;
  readonly #follower: EtcdFollower;

  constructor(members: EtcdMembers, follower: EtcdFollower) {
    this.#members = members;
    this.#follower = follower;
  }

  range(prefix: string, { isKey = false }: EtcdScope = {}): Promise<EtcdList> {
    return listKeys(this.#members, toKeyRange(prefix, isKey));
  }

  async put(key: string, value: string, { lease = "0" }: { readonly lease?: string } = {}): Promise<void> {
    await this.#members.ask("kv/put", { key: toBase64(key), value: toBase64(value), lease });
  }

  async remove(key: string): Promise<void> {
    await this.#members.ask("kv/deleterange", { key: toBase64(key) });
  }

  async putIf(key: string, value: string, { modRevision, lease = "0" }: EtcdCondition): Promise<boolean> {
    const encoded = toBase64(key);
    const { succeeded, responses } = await this.#members.ask("kv/txn", {
      compare: [{ key: encoded, target: "MOD", mod_revision: modRevision }],
      success: [{ request_put: { key: encoded, value: toBase64(value), lease } }],
      failure: [{ request_range: { key: encoded } }],
    });
    if (succeeded === true) return true;
    const [kv] = asList(asObject(asObject(asList(responses)[0])["response_range"])["kvs"]);
    return kv !== undefined && fromBase64(asObject(kv)["value"]) === value;
  }

  async grant(ttlSeconds: number): Promise<string> {
    return readInteger((await this.#members.ask("lease/grant", { TTL: String(Math.ceil(ttlSeconds)) }))["ID"]);
  }

  async keepAlive(lease: string): Promise<number> {
    const { result } = await this.#members.ask("lease/keepalive", { ID: lease });
    return Number(readInteger(asObject(result)["TTL"]));
  }

  async revoke(lease: string): Promise<void> {
    try {
      await this.#members.ask("lease/revoke", { ID: lease });
    } catch (error) {
      if (!(error instanceof EtcdError && error.code === etcdCodes.notFound)) throw error;
    }
  }

  follow(prefix: string, observer: EtcdObserver, scope: EtcdScope = {}): EtcdFollowing {
    return this.#follower.follow(prefix, observer, scope);
  }

  close(): void {
    this.#follower.close();
    this.#members.close();
  }
}
