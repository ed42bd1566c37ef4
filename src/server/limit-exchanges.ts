/** Exchanges the counts of rate limits with other instances, through the stores that a configuration names for that. */
import { isDeepStrictEqual } from "node:util";
import { systemScheduler } from "../base/scheduler.ts";
import type { SharedMemory } from "../base/shared-memory.ts";
import { systemRandomBytes } from "../base/system-random.ts";
import type { Config } from "../config/schema.ts";
import { findExchangedCounts } from "../middleware/find-exchanged-counts.ts";
import type { Logger } from "../observe/logger.ts";
import type { CountExchange } from "../store/exchange/count-exchange.ts";
import type { CountPlaceParts } from "../store/exchange/count-place.ts";
import type { StoreOptions } from "../store/options.ts";

/** What exchanges are made of. */
export interface LimitExchangesParts {
  readonly memory: SharedMemory;
  readonly logger: Logger;
  /** Resolves the names of stores. */
  readonly names: Pick<CountPlaceParts, "lookup">;
}

interface Open {
  readonly options: StoreOptions;
  readonly exchange: CountExchange;
}

/** One exchange for each store that is used so; loaded when there is one. */
export class LimitExchanges {
  readonly #parts: LimitExchangesParts;
  readonly #open = new Map<string, Open>();

  constructor(parts: LimitExchangesParts) {
    this.#parts = parts;
  }

  /** Follows the configuration that runs now; its shared memory is reserved. */
  async adopt(config: Config): Promise<void> {
    const limits = Map.groupBy(findExchangedCounts(config.routes, config.stores), ({ store }) => store);
    for (const [store, { options, exchange }] of this.#open) {
      if (limits.has(store) && isDeepStrictEqual(options, config.stores[store])) continue;
      this.#open.delete(store);
      void exchange.close();
    }
    for (const [store, ofStore] of limits) {
      const { exchange } = this.#open.get(store) ?? (await this.#start(store, config.stores[store]!));
      exchange.limits = new Map(ofStore.map((counts) => [counts.name, counts.open(this.#parts.memory)]));
    }
  }

  async #start(store: string, options: StoreOptions): Promise<Open> {
    const { logger, names } = this.#parts;
    const [{ CountExchange }, { openCountPlace }] = await Promise.all([
      import("../store/exchange/count-exchange.ts"),
      import("../store/exchange/count-place.ts"),
    ]);
    const lent = { scheduler: systemScheduler, random: Math.random, lookup: names.lookup };
    const exchange = new CountExchange({
      place: await openCountPlace(options, lent),
      instance: systemRandomBytes(9).toString("base64url"),
      scheduler: systemScheduler,
      onOutage: (reason) => {
        if (reason !== null)
          logger.warn("rate limits are counted in this instance alone: a store does not answer", {
            store,
            error: reason,
          });
        else logger.info("rate limits are counted together again: a store answers again", { store });
      },
    });
    const open = { options, exchange };
    this.#open.set(store, open);
    return open;
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ exchange }) => exchange.close()));
  }
}
