/** Values and locks in Redis or Valkey, through the package `@redis/client`. */
import { randomUUID } from "node:crypto";
import type { Scheduler } from "../../base/scheduler.ts";
import { RedisConnection } from "../../store/redis-connection.ts";
import { systemNames } from "../../store/system-names.ts";
import { AcmeError } from "../client/acme-error.ts";
import { type AcmeStore, assertStoreKey, lockLifeMs, type StoreLock } from "./acme-store.ts";
import { LockBeat } from "./lock-beat.ts";

/** Which server, and what all keys begin with. */
export interface RedisStoreOptions {
  readonly url: string;
  readonly prefix: string;
}

const connectTimeoutMs = 5_000;

const extendScript =
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const releaseScript = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** The keys of one server that begin with a prefix. */
export class RedisStore implements AcmeStore {
  readonly #options: RedisStoreOptions;
  readonly #scheduler: Scheduler;
  #connection: Promise<RedisConnection> | null = null;
  #lastError: Error | null = null;
  #isClosed = false;

  constructor(options: RedisStoreOptions, scheduler: Scheduler) {
    this.#options = options;
    this.#scheduler = scheduler;
  }

  async read(key: string): Promise<string | null> {
    const value = await this.#send(["GET", this.#key(key)]);
    return value === null ? null : String(value);
  }

  async write(key: string, value: string): Promise<void> {
    await this.#send(["SET", this.#key(key), value]);
  }

  async remove(key: string): Promise<void> {
    await this.#send(["DEL", this.#key(key)]);
  }

  async lock(name: string): Promise<StoreLock | null> {
    const key = this.#key(`locks/${name}`);
    const owner = randomUUID();
    const life = String(lockLifeMs);
    if ((await this.#send(["SET", key, owner, "NX", "PX", life])) === null) return null;
    return new LockBeat({
      scheduler: this.#scheduler,
      beat: async () => Number(await this.#send(["EVAL", extendScript, "1", key, owner, life])) === 1,
      release: async () => void (await this.#send(["EVAL", releaseScript, "1", key, owner])),
    });
  }

  close(): void {
    this.#isClosed = true;
    void this.#connection?.then(
      (connection) => connection.close(),
      () => {},
    );
  }

  #key(key: string): string {
    assertStoreKey(key);
    return `${this.#options.prefix}acme/${key}`;
  }

  async #send(command: readonly string[]): Promise<unknown> {
    if (this.#isClosed) throw new Error("the store is closed");
    this.#connection ??= RedisConnection.open(
      { url: this.#options.url },
      { names: systemNames, onError: (error) => (this.#lastError = error) },
    );
    try {
      const connection = await this.#connection;
      await this.#inTime(connection.connected);
      return await this.#inTime(connection.send(command));
    } catch (error) {
      const cause = this.#lastError ?? (error instanceof Error ? error : new Error(String(error)));
      throw new AcmeError({ type: "network", detail: `the store in Redis: ${cause.message}`, cause });
    }
  }

  async #inTime<Value>(promise: Promise<Value>): Promise<Value> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const call = this.#scheduler.after(connectTimeoutMs, () => reject(new Error("no answer in time")));
    return Promise.race([promise, late]).finally(() => call.cancel());
  }
}
