/** Values and locks in etcd, through its JSON gateway (etcd 3.4 or later: `/v3/kv`, `/v3/lease`, `/v3/auth`). */
import { randomUUID } from "node:crypto";
import type { Scheduler } from "../../base/scheduler.ts";
import { AcmeError, asRecord } from "../client/acme-error.ts";
import type { HttpClient } from "../client/https-request.ts";
import { type AcmeStore, assertStoreKey, lockLifeMs, type StoreLock } from "./acme-store.ts";
import { LockBeat } from "./lock-beat.ts";

/** Which cluster, and what all keys begin with. */
export interface EtcdStoreOptions {
  /** The members: asked in turn, until one answers. */
  readonly urls: readonly string[];
  readonly prefix: string;
  /** null if the cluster lets everybody in. */
  readonly login: { readonly user: string; readonly password: string } | null;
}

/** What the store is made of. */
export interface EtcdStoreParts {
  readonly options: EtcdStoreOptions;
  readonly http: HttpClient;
  readonly scheduler: Scheduler;
}

/** The keys of one cluster that begin with a prefix. */
export class EtcdStore implements AcmeStore {
  readonly #parts: EtcdStoreParts;
  #token: string | null = null;
  #turn = 0;

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
  }

  async read(key: string): Promise<string | null> {
    const { kvs } = await this.#ask("kv/range", { key: this.#key(key) });
    const [first] = Array.isArray(kvs) ? kvs : [];
    return first === undefined ? null : fromBase64(asRecord(first)["value"] ?? "");
  }

  async write(key: string, value: string): Promise<void> {
    await this.#ask("kv/put", { key: this.#key(key), value: toBase64(value) });
  }

  async remove(key: string): Promise<void> {
    await this.#ask("kv/deleterange", { key: this.#key(key) });
  }

  async lock(name: string): Promise<StoreLock | null> {
    const key = this.#key(`locks/${name}`);
    const { ID: lease } = await this.#ask("lease/grant", { TTL: Math.ceil(lockLifeMs / 1_000) });
    const { succeeded } = await this.#ask("kv/txn", {
      compare: [{ key, target: "CREATE", create_revision: "0" }],
      success: [{ request_put: { key, value: toBase64(randomUUID()), lease } }],
    });
    const release = async (): Promise<void> => void (await this.#ask("lease/revoke", { ID: lease }));
    if (succeeded !== true) {
      await release();
      return null;
    }
    return new LockBeat({
      scheduler: this.#parts.scheduler,
      // A lease that is over has no time to live; the key went with it.
      beat: async () => Number(asRecord((await this.#ask("lease/keepalive", { ID: lease }))["result"])["TTL"] ?? 0) > 0,
      release,
    });
  }

  close(): void {
    this.#parts.http.close();
  }

  #key(key: string): string {
    assertStoreKey(key);
    return toBase64(`${this.#parts.options.prefix}${key}`);
  }

  /** Asks one member after the other; the one that has answered is asked first the next time. */
  async #ask(path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const { urls, login } = this.#parts.options;
    for (let tries = 1; ; tries++) {
      try {
        if (login !== null && this.#token === null) this.#token = await this.#logIn(login);
        return await this.#post(path, body);
      } catch (error) {
        if (!(error instanceof AcmeError) || tries > urls.length) throw error;
        if (error.status === 401) this.#token = null;
        else if (error.status === 0) this.#turn++;
        else throw error;
      }
    }
  }

  async #logIn({ user, password }: { user: string; password: string }): Promise<string> {
    return String((await this.#post("auth/authenticate", { name: user, password }))["token"]);
  }

  async #post(path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const { urls } = this.#parts.options;
    const url = `${(urls[this.#turn % urls.length] ?? "").replace(/\/$/, "")}/v3/${path}`;
    const answer = await this.#parts.http.send({
      method: "POST",
      url,
      headers: { "content-type": "application/json", ...(this.#token === null ? {} : { authorization: this.#token }) },
      body: JSON.stringify(body),
    });
    // A stream answers with lines.
    const document = asRecord(parseFirst(answer.body));
    if (answer.status === 200) return document;
    const detail = `the store in etcd: ${String(document["error"] ?? document["message"] ?? answer.status)}`;
    throw new AcmeError({ type: "network", detail, status: answer.status });
  }
}

function parseFirst(text: string): unknown {
  try {
    return JSON.parse(text.split("\n", 1)[0] ?? "") as unknown;
  } catch {
    return null;
  }
}

function toBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function fromBase64(value: unknown): string {
  return Buffer.from(String(value), "base64").toString("utf8");
}
