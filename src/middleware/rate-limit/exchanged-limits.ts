/**
 * Limits whose counts instances exchange through etcd or Consul: where their tables are, in every thread, and what the
 * control thread tells others of them.
 */
import type { SharedMemory } from "../../base/shared-memory.ts";
import type { LimitCounts } from "../../store/exchange/count-exchange.ts";
import type { ExchangedCounts } from "../../store/exchange/exchanged-counts.ts";
import { BucketTable } from "./bucket-table.ts";
import { LimitPolicy } from "./limit-policy.ts";
import { bucketCount, rateLimitRegionKey, reserveRateLimit } from "./limit-region.ts";
import type { RateLimitOptions } from "./options.ts";
import { UsageTable } from "./usage-table.ts";

/** The tables of one limit, as one thread sees them. */
export interface ExchangedTables {
  readonly buckets: BucketTable;
  readonly usage: UsageTable;
}

/** Makes the tables, or finds them; makes them in the control thread only. */
export function openExchangedTables(memory: SharedMemory, name: string, options: RateLimitOptions): ExchangedTables {
  return {
    buckets: new BucketTable(reserveRateLimit(memory, name, options), undefined, "charged"),
    usage: new UsageTable(UsageTable.reserve(memory, usageKey(name, options))),
  };
}

/** What the control thread does for a limit of this name. */
export function exchangeLimit(name: string, options: RateLimitOptions): ExchangedCounts {
  return {
    name,
    store: options.store,
    reserve(memory) {
      openExchangedTables(memory, name, options);
      return [rateLimitRegionKey(name, options), usageKey(name, options)].map((key) => ({ key, clearStripe: null }));
    },
    open: (memory) =>
      new CountsOfLimit(openExchangedTables(memory, name, options), new LimitPolicy(name, options.rate, options.burst)),
  };
}

const usageKey = (name: string, options: RateLimitOptions): string =>
  `rate-limit-usage:${bucketCount(options)}:${name}`;

class CountsOfLimit implements LimitCounts {
  readonly #tables: ExchangedTables;
  readonly #policy: LimitPolicy;

  constructor(tables: ExchangedTables, policy: LimitPolicy) {
    this.#tables = tables;
    this.#policy = policy;
  }

  collect(take: (key: string, count: number) => void): void {
    this.#tables.usage.collect(take);
  }

  charge(key: string, count: number): void {
    this.#tables.buckets.charge(key, count, this.#policy);
  }

  get isExchanged(): boolean {
    return this.#tables.usage.isExchanged;
  }

  set isExchanged(value: boolean) {
    this.#tables.usage.isExchanged = value;
  }
}
