/** One `cache` of one route in one thread: what its options say, compiled, and what it shares with others. */
import type { CacheParts } from "../../cache/cache-parts.ts";
import type { CacheStore } from "../../cache/cache-store.ts";
import { purgeUrlOf } from "../../cache/purge/purge-url.ts";
import { formatCacheStatus } from "../../http/cache/cache-status.ts";
import type { CachePolicy } from "../../http/cache/cache-policy.ts";
import { type CacheDirectives, noDirectives, requestDirectives } from "../../http/cache/cache-control.ts";
import { variantValue } from "../../http/cache/variant-value.ts";
import { variantKey } from "../../http/cache/vary.ts";
import type { CacheResult } from "../../http/cache-result.ts";
import { reduceAcceptEncoding } from "../../http/content-coding.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { Fields } from "../../http/fields.ts";
import { clientScheme } from "../../http/forwarding-fields.ts";
import { compileReceivedField, compileSentField, type FieldReader } from "../../http/sent-fields.ts";
import { families } from "../../observe/families.ts";
import type { Counter } from "../../observe/instruments.ts";
import type { MiddlewareContext } from "../middleware.ts";
import { KeyMaker } from "./cache-key.ts";
import type { HowServed } from "./how-served.ts";
import type { CacheOptions } from "./options.ts";
import type { RequestFacts } from "./request-facts.ts";

/** How many fields that answers vary by are compiled; what is beyond is compiled each time. */
const maxReaders = 256;

/** The codings of which clients can be told apart: an answer in another one is never asked for. */
const cachedCodings = ["zstd", "br", "gzip"] as const;

/** A `cache`, compiled for one thread. */
export class CachedRoute {
  readonly options: CacheOptions;
  readonly context: MiddlewareContext;
  readonly parts: CacheParts;
  readonly store: CacheStore;
  readonly policy: CachePolicy;
  readonly keys: KeyMaker;
  /** The longest body that is stored. */
  readonly maxObjectBytes: number;
  readonly #counters = new Map<CacheResult, Counter>();
  readonly #readers = new Map<string, VariantField>();

  /** @throws Error if the store is not there */
  constructor(options: CacheOptions, context: MiddlewareContext) {
    const store = context.caches.get(options.store);
    if (store === undefined || context.cacheParts === null) throw new Error(`there is no store "${options.store}"`);
    this.options = options;
    this.context = context;
    this.parts = context.cacheParts;
    this.store = store;
    this.policy = toPolicy(options);
    this.keys = new KeyMaker(keyName(context), options.key);
    this.maxObjectBytes = Math.min(options.maxObjectBytes, store.maxObjectBytes);
  }

  /** What the request demands of caches. */
  directivesOf(facts: RequestFacts): CacheDirectives {
    if (this.policy.requestDirectives === "ignore" || (facts.cacheControl === null && facts.pragma === null))
      return noDirectives;
    return requestDirectives(facts);
  }

  /** The key of the variant for `exchange` of what is stored under `primaryKey`. @param names as `varyNames` gives them */
  variantKeyOf(exchange: Exchange, primaryKey: string, names: readonly string[]): string {
    return variantKey(primaryKey, names, (name) => this.#readerOf(name)(exchange));
  }

  #readerOf(name: string): VariantField {
    const known = this.#readers.get(name);
    if (known !== undefined) return known;
    const reader = compileVariantField(name);
    if (this.#readers.size < maxReaders) this.#readers.set(name, reader);
    return reader;
  }

  /** The URL of `exchange` as purges know it. */
  urlOf(exchange: Exchange): string {
    const { request } = exchange;
    const { authority, path } = request;
    return purgeUrlOf({ scheme: clientScheme(exchange), authority, path, query: this.keys.queryOf(request) });
  }

  /** The tags that an answer has. */
  tagsOf(fields: Fields): string[] {
    const tags = new Set<string>();
    for (const name of this.options.tags)
      for (const tag of fields.value(name)?.split(/[\s,]+/) ?? []) if (tag !== "") tags.add(tag);
    return [...tags];
  }

  /** Counts what was done for `exchange`, and notes it for the log. */
  note(exchange: Exchange, result: CacheResult): void {
    exchange.record.cache = result;
    let counter = this.#counters.get(result);
    if (counter === undefined) {
      counter = this.context.metrics.counter(families.cacheRequests, [this.context.routeName, result]);
      this.#counters.set(result, counter);
    }
    counter.add();
  }

  /** The line of Cache-Status; empty if none is wanted. @param freshMs null = nothing is known of it */
  statusLine({ forward, forwardStatus, isStored, isCollapsed }: HowServed, freshMs: number | null): string {
    if (!this.options.statusField) return "";
    return formatCacheStatus({ forward, forwardStatus, freshMs, isStored, isCollapsed, detail: null });
  }
}

/** What keys begin with. What a cache stores that stands before another one of its route has come through more. */
function keyName({ routeName, ordinal }: MiddlewareContext): string {
  return ordinal === 0 ? routeName : `${routeName} ${ordinal}`;
}

/** The value by which an answer is chosen. */
type VariantField = FieldReader;

/**
 * A field as the endpoint would see it from a request that fills the cache. Requests that no middleware has changed are
 * read as they came: nothing is made for them.
 */
function compileVariantField(name: string): VariantField {
  const received = compileReceivedField(name);
  const sent = compileSentField(name);
  const read: FieldReader = (exchange) => (exchange.changedRequest === null ? received : sent)(exchange);
  if (name === "accept-encoding") return (exchange) => reduceCodings(read(exchange));
  return (exchange) => variantValue(name, read(exchange));
}

/** An Accept-Encoding value as it goes on: values that accept the same of what we know are one. */
export function reduceCodings(value: string | null): string {
  return reduceAcceptEncoding(value, cachedCodings);
}

function toPolicy(options: CacheOptions): CachePolicy {
  const { heuristics } = options;
  return {
    staleWhileRevalidateMs: options.staleWhileRevalidate,
    staleIfErrorMs: options.staleIfError,
    heuristics: heuristics === null ? null : { fraction: heuristics.fraction, maxMs: heuristics.max },
    negativeMs: new Map(Object.entries(options.negative).map(([status, ms]) => [Number(status), ms])),
    setCookie: options.allowSetCookie ? "store" : "refuse",
    authorization: options.allowAuthorization ? "share" : "obey",
    requestDirectives: options.requestDirectives,
  };
}
