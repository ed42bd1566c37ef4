/**
 * The response caches of a proxy as its control thread has them: the other half of `Caches`, which are those of one
 * thread. It carries out purges and tells how full the places are.
 */
import { isDeepStrictEqual } from "node:util";
import { families } from "../observe/families.ts";
import type { CachePlace } from "./cache-place.ts";
import { openStoreControl } from "./open-store-control.ts";
import type { Purge } from "./purge/purge.ts";
import { PurgeLog } from "./purge/purge-log.ts";
import type { CacheOperator, PurgeReport, PurgeRequest } from "./purge/purge-operator.ts";
import { readPurgeRequest } from "./purge/purge-request.ts";
import { Purger } from "./purge/purger.ts";
import type { StoreControl, StoreControlHost, StoreFill } from "./store-control.ts";

interface OpenControl {
  readonly place: CachePlace;
  readonly control: StoreControl;
}

/** Under which URLs answers may be stored that clients ask for by a URL. */
type StoredUrls = (url: string) => string[];

/** A place, and how full it is. */
export interface StoreStatus extends StoreFill {
  readonly name: string;
  readonly kind: CachePlace["kind"];
}

/** Opens and closes the parts of places as configurations come, and purges what they hold. */
export class CacheKeeper implements CacheOperator {
  readonly #host: StoreControlHost;
  readonly #openOne: typeof openStoreControl;
  #open = new Map<string, OpenControl>();
  #prepared: Map<string, OpenControl> | null = null;
  #storedUrls: StoredUrls = (url) => [url];
  #preparedUrls = this.#storedUrls;
  #purger: Purger | null = null;

  constructor(host: StoreControlHost, openOne: typeof openStoreControl = openStoreControl) {
    this.#host = host;
    this.#openOne = openOne;
  }

  /**
   * Opens `places`, whose regions are there, beside what is open. `commit` or `abort` follows.
   * @param storedUrls under which URLs there may be what clients ask for by a URL
   */
  async prepare(places: readonly CachePlace[], storedUrls: StoredUrls = (url) => [url]): Promise<void> {
    this.#preparedUrls = storedUrls;
    const prepared = new Map<string, OpenControl>();
    this.#prepared = prepared;
    try {
      for (const place of places) {
        const known = this.#open.get(place.name);
        const isKept = known !== undefined && isDeepStrictEqual(known.place, place);
        prepared.set(place.name, isKept ? known : { place, control: await this.#openOne(place, this.#host) });
      }
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async commit(): Promise<void> {
    if (this.#prepared === null) return;
    const before = this.#open;
    this.#open = this.#prepared;
    this.#prepared = null;
    this.#storedUrls = this.#preparedUrls;
    if (this.#open.size > 0) this.#purger ??= this.#createPurger();
    await closeAll(before, this.#open);
  }

  async abort(): Promise<void> {
    const prepared = this.#prepared ?? new Map<string, OpenControl>();
    this.#prepared = null;
    await closeAll(prepared, this.#open);
  }

  async close(): Promise<void> {
    await this.abort();
    this.#purger?.close();
    const open = this.#open;
    this.#open = new Map();
    await closeAll(open, this.#open);
  }

  /** @param by who asks, for the log */
  async purge(request: PurgeRequest, by = "program"): Promise<PurgeReport> {
    const purges = readPurgeRequest(request);
    if (typeof purges === "string") throw new RangeError(purges);
    const report = (await this.#purger?.purge(purges.flatMap((purge) => this.#spellingsOf(purge)))) ?? {
      purged: 0,
      failures: [],
    };
    this.#tell(purges, report, by);
    return report;
  }

  #spellingsOf(purge: Purge): Purge[] {
    return purge.kind === "url" ? this.#storedUrls(purge.value).map((value) => ({ ...purge, value })) : [purge];
  }

  #tell(purges: readonly Purge[], { purged, failures }: PurgeReport, by: string): void {
    const [first] = purges;
    if (first === undefined) return;
    this.#host.metrics.counter(families.cachePurges, [first.kind]).add(purges.length);
    this.#host.logger.info(first.isSoft ? "stored answers made stale" : "stored answers purged", {
      by,
      [first.kind]: first.kind === "all" ? true : purges.slice(0, maxToldPurges).map(toText).join(" "),
      ...(purges.length > maxToldPurges && { more: purges.length - maxToldPurges }),
      purged: purged ?? "not counted yet",
    });
    for (const { store, reason } of failures)
      this.#host.logger.error("a purge may come undone", { store, error: reason });
  }

  /** The places that are open, and how full they are. */
  stores(): StoreStatus[] {
    return [...this.#open.values()].map(({ place, control }) => ({
      name: place.name,
      kind: place.kind,
      ...control.fill(),
    }));
  }

  #createPurger(): Purger {
    return new Purger({
      log: PurgeLog.open(this.#host.memory),
      // One that is prepared may hold something already: what is on a disk.
      sweepers: () => [...new Set([...this.#open.values(), ...(this.#prepared?.values() ?? [])])].map(toControl),
      onSweepFailure: (store, reason) =>
        this.#host.warnings.warn({
          subject: `store ${store}`,
          reason: "sweep",
          message: "a store could not be searched for what was purged; it is tried again",
          fields: { store, error: reason },
        }),
    });
  }
}

/** How many URLs or tags of one request are written into the log. */
const maxToldPurges = 20;

/** Tags are kept as the bytes of fields are read. */
const toText = ({ value }: Purge): string => Buffer.from(value, "latin1").toString("utf8");

const toControl = ({ control }: OpenControl): StoreControl => control;

async function closeAll(some: ReadonlyMap<string, OpenControl>, but: ReadonlyMap<string, OpenControl>): Promise<void> {
  const kept = new Set(but.values());
  for (const one of some.values()) if (!kept.has(one)) await one.control.close();
}
