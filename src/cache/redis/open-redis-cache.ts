/** Opens one thread's window on the answers in a Redis or Valkey server. */
import { systemScheduler } from "../../base/scheduler.ts";
import { families } from "../../observe/families.ts";
import type { RedisOptions } from "../../store/options.ts";
import { RedisConnection } from "../../store/redis-connection.ts";
import { withPatience } from "../../store/with-patience.ts";
import type { CacheParts } from "../cache-parts.ts";
import type { CacheStore } from "../cache-store.ts";
import type { CacheHost } from "../cache-host.ts";
import { openMemoryStore } from "../memory/open-memory-store.ts";
import { RedisCacheStore } from "./redis-cache-store.ts";
import { RedisLine } from "./redis-line.ts";
import { stagingOf } from "./staging.ts";

/** What is opened. */
export interface RedisPlace {
  readonly name: string;
  readonly options: RedisOptions;
  readonly maxObjectBytes: number;
}

/**
 * Opens connections, and waits for them for a moment only: without the server, everything is a miss.
 * @throws if the package for Redis is missing
 */
export async function openRedisCache(place: RedisPlace, host: CacheHost, parts: CacheParts): Promise<CacheStore> {
  const { name, options, maxObjectBytes } = place;
  const { metrics, logger, names } = host;
  const { clock, purges } = parts;
  const staging = openMemoryStore({ ...stagingOf(place), maxObjectBytes }, host, parts);
  let connectionError: string | null = null;
  const connectionParts = {
    names,
    onError: (error: Error | null): void => {
      connectionError = error?.message ?? null;
    },
  };
  const finds = await RedisConnection.open(options, connectionParts);
  const pieces = await RedisConnection.open(options, connectionParts);
  const line = new RedisLine({
    scheduler: systemScheduler,
    timeoutMs: options.timeout,
    onFailure: (failure) => metrics.counter(families.cacheStoreErrors, [name, failure]).add(),
    onSilence: () => {
      finds.renew();
      pieces.renew();
    },
    onOutage: (cause) => {
      if (cause === null) logger.info("a cache's store answers again", { store: name });
      else logger.warn("a cache's store does not answer", { store: name, error: connectionError ?? cause });
    },
  });
  const store = new RedisCacheStore({
    line,
    senders: { finds, pieces },
    staging,
    prefix: options.prefix,
    maxObjectBytes,
    clock,
    purges,
    onTorn: () => metrics.counter(families.cacheStoreErrors, [name, "torn"]).add(),
    onClose: () => {
      finds.close();
      pieces.close();
    },
  });
  await withPatience(finds.connected.then(() => store.begin()));
  return store;
}
