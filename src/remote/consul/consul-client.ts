/**
 * What the control side asks Consul for, by its HTTP API: lists that are followed by blocking queries, values of its
 * key/value store with compare-and-swap, and sessions, which locks are made of. An agent on this machine is asked, or a
 * server; it finds the leader by itself.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { LookupFunction } from "node:net";
import type { RandomSource } from "../../base/random.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import type { RemoteTlsSource } from "../remote-tls.ts";

/** Which agent, and as whom it is asked. */
export interface ConsulOptions {
  /** `http://host:port` or `https://host:port`, without a user. */
  readonly url: string;
  /** Sent in a field, never in a URL; null = as the anonymous one. */
  readonly token: string | null;
  /** null = the agent's own. */
  readonly datacentre: string | null;
  /** null: what Node.js trusts, and no certificate is shown. */
  readonly tls: RemoteTlsSource | null;
}

/** What a client is lent. */
export interface ConsulParts {
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  /** Resolves the name of the agent. Without it, Node.js does on its four threads. */
  readonly lookup?: LookupFunction;
  /** What is under way keeps the process alive, as a command wants it. Default: it does not. */
  readonly keepsProcess?: boolean;
}

/** Parameters of a question, as they stand in a URL. A list is a parameter that is there several times. */
export type ConsulQuery = Readonly<Record<string, string | readonly string[]>>;

/** What is there now: a complete answer. */
export interface ConsulAnswer {
  /** JSON; null if there is nothing there (404, of a key). */
  readonly body: unknown;
  /** `X-Consul-Index`: grows with changes, as a rule. For people. */
  readonly index: string;
  readonly headers: IncomingHttpHeaders;
}

/** Who follows something. It is called until `close`, never within `follow`. */
export interface ConsulObserver {
  /**
   * There is something else than before, or it is the first answer.
   * @returns why it cannot be used: then it counts as a failure, and is asked for again; null if it can
   */
  onAnswer(answer: ConsulAnswer): string | null;
  /** Consul has answered, and there is what was there before. */
  onAlive(): void;
  /** Consul could not be asked, or its answer could not be used. It is asked again. @param reason without secrets */
  onFailure(reason: string): void;
}

/** A value of the key/value store. */
export interface ConsulValue {
  readonly value: string;
  /** Grows with every write; what `putKey` compares. */
  readonly modifyIndex: string;
  /** Whose lock it is; null if nobody's. */
  readonly session: string | null;
}

/** On what condition a value is written. */
export type ConsulCondition =
  /** It is still at this index; "0": it is not there. */
  | { readonly modifyIndex: string }
  /** Nobody else has the lock, which is this session's then. */
  | { readonly acquiredBy: string }
  /** The lock is this session's, and nobody's then. */
  | { readonly releasedBy: string };

/** Asks one agent. Every promise rejects with a `RemoteError` if it cannot be asked or refuses. */
export interface ConsulClient {
  /** Asks by one blocking query after the other, for ever. @param path after `/v1/`, such as `health/service/api` */
  follow(path: string, query: ConsulQuery, observer: ConsulObserver): { close(): void };
  /** null if it is not there. */
  getKey(key: string): Promise<ConsulValue | null>;
  /** @returns whether the condition held, and it was written */
  putKey(key: string, value: string, condition?: ConsulCondition): Promise<boolean>;
  /** Harmless if it is not there. */
  removeKey(key: string): Promise<void>;
  /**
   * What it locks is removed with it: if it is destroyed, or not renewed for `ttlMs` (10 s to a day).
   * @returns its id
   */
  createSession(ttlMs: number): Promise<string>;
  /** @returns false if there is no such session any more */
  renewSession(id: string): Promise<boolean>;
  destroySession(id: string): Promise<void>;
  /** Ends everything under way, also what is followed. */
  close(): void;
}

/** The path of a key: each part of it is encoded, the slashes stay. */
export function keyPath(key: string): string {
  return `kv/${key.split("/").map(encodeURIComponent).join("/")}`;
}
