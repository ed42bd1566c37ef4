/**
 * The stores of one thread, by name. They live through reloads as long as their options stay the same. Those that are
 * not asked about requests, etcd and Consul, are opened by the control thread alone, by whoever keeps something there.
 */
import { isDeepStrictEqual } from "node:util";
import { systemScheduler } from "../base/scheduler.ts";
import { families } from "../observe/families.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { LimitPlace, LimitStore } from "./limit-store.ts";
import type { RedisOptions, StoresOptions } from "./options.ts";
import { RedisConnection, type ServerNames } from "./redis-connection.ts";
import { RedisLimitStore } from "./redis-limit-store.ts";
import { withPatience } from "./with-patience.ts";

interface OpenStore {
  readonly options: RedisOptions;
  readonly limits: LimitStore;
  readonly connected: Promise<void>;
  close(): void;
}

/** Opens stores when a configuration first names them, and closes those that none names any more. */
export class Stores {
  readonly #metrics: MetricWriter;
  readonly #logger: Logger;
  readonly #names: ServerNames;
  #open = new Map<string, OpenStore>();
  #prepared: Map<string, OpenStore> | null = null;

  constructor(parts: { readonly metrics: MetricWriter; readonly logger: Logger; readonly names: ServerNames }) {
    this.#metrics = parts.metrics;
    this.#names = parts.names;
    this.#logger = parts.logger;
  }

  /**
   * Opens what `options` asks for beside what is open. `commit` or `abort` follows. @throws if a package is missing;
   * then nothing of it is left
   */
  async prepare(options: StoresOptions): Promise<ReadonlyMap<string, LimitPlace>> {
    const prepared = new Map<string, OpenStore>();
    this.#prepared = prepared;
    try {
      for (const [name, { redis: one }] of Object.entries(options)) {
        if (one === null) continue;
        const known = this.#open.get(name);
        prepared.set(
          name,
          known !== undefined && isDeepStrictEqual(known.options, one) ? known : await this.#openStore(name, one),
        );
      }
    } catch (error) {
      this.abort();
      throw error;
    }
    await Promise.all(
      [...prepared.values()].filter((store) => !this.#isOpen(store)).map(({ connected }) => withPatience(connected)),
    );
    return new Map<string, LimitPlace>([
      ...Object.entries(options)
        .filter(([, { etcd, consul }]) => etcd !== null || consul !== null)
        .map(([name]) => [name, "exchanged"] as const),
      ...[...prepared].map(([name, { limits }]) => [name, limits] as const),
    ]);
  }

  commit(): void {
    if (this.#prepared === null) return;
    const kept = new Set(this.#prepared.values());
    for (const store of this.#open.values()) if (!kept.has(store)) store.close();
    this.#open = this.#prepared;
    this.#prepared = null;
  }

  abort(): void {
    for (const store of this.#prepared?.values() ?? []) if (!this.#isOpen(store)) store.close();
    this.#prepared = null;
  }

  close(): void {
    this.abort();
    for (const store of this.#open.values()) store.close();
    this.#open.clear();
  }

  #isOpen(store: OpenStore): boolean {
    return [...this.#open.values()].includes(store);
  }

  async #openStore(name: string, options: RedisOptions): Promise<OpenStore> {
    let connectionError: string | null = null;
    const connection = await RedisConnection.open(options, {
      names: this.#names,
      onError: (error) => {
        connectionError = error?.message ?? null;
      },
    });
    const limits = new RedisLimitStore({
      sender: connection,
      prefix: options.prefix,
      timeoutMs: options.timeout,
      scheduler: systemScheduler,
      onResult: (result) => this.#metrics.counter(families.storeDecisions, [name, result]).add(),
      onOutage: (cause) => {
        if (cause !== null)
          this.#logger.warn("a store does not answer", { store: name, error: connectionError ?? cause });
        else this.#logger.info("a store answers again", { store: name });
      },
    });
    return {
      options,
      limits,
      connected: connection.connected,
      close() {
        limits.close();
        connection.close();
      },
    };
  }
}
