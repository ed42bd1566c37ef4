/**
 * What a middleware is, in one object: its key, its options, what it does to exchanges, and what it needs from the
 * configuration around it. `kinds.ts` lists them all; whoever reads, reserves, warns or composes asks the list and
 * knows no middleware by name.
 *
 * Kinds are loaded in every thread, the schema library in the control thread alone: a kind has a function that makes
 * its schema (see `SchemaBuilder`).
 */
import type { OptionsOf, SchemaBuilder } from "../base/schema-builder.ts";
import type { CacheUse } from "../cache/cache-place.ts";
import type { ReservedRegion, SharedMemory } from "../base/shared-memory.ts";
import type { AnswerFilter } from "../http/answer.ts";
import type { ExchangedCounts } from "../store/exchange/exchanged-counts.ts";
import type { Middleware, MiddlewareContext, MiddlewarePlace } from "./middleware.ts";
import type { Reference } from "./reference.ts";

/** A part of a middleware's options that is of no use where it stands. */
export interface UselessPart {
  /** Where it is, from the options down; empty = all of them. */
  readonly path: readonly PropertyKey[];
  /** Ends the sentence "..., so ...". */
  readonly consequence: string;
}

/** Where a middleware that needs shared memory stands. */
export interface ReservedPlace extends MiddlewarePlace {
  /** How many threads may count there, each in a stripe of its own. */
  readonly stripes: number;
}

/** Where a middleware stands, for warnings about it. */
export interface OddPlace {
  readonly routeName: string;
  /** The keys of what stands behind it in the route's list. */
  readonly keysBehind: readonly string[];
}

/**
 * One kind of middleware. `options` are in normal form, `written` is what stands in the configuration: anything, also
 * what the schema refuses.
 */
export interface MiddlewareKind<Key extends string = string, Builder extends SchemaBuilder = SchemaBuilder> {
  /** The key of a list item that asks for it. */
  readonly key: Key;
  /** What the reference says of it: one sentence. */
  readonly about: string;
  /** Makes the schema of its options. Called in the control thread alone. */
  readonly createSchema: Builder;

  /**
   * Makes what stands in the route's line of handlers, once for each proxy thread and configuration. Absent: it does
   * nothing to requests.
   */
  create?(options: OptionsOf<Builder>, context: MiddlewareContext): Middleware;

  /**
   * Makes what every answer of the route passes: also one that is given before the request has passed the list (load
   * shedding, a refused expectation). Null or absent: it changes no answers, or adds a filter to each exchange itself.
   */
  createAnswerFilter?(options: OptionsOf<Builder>): AnswerFilter | null;

  /**
   * Makes or finds the shared memory that `create` will look for under the same keys. Called in the control thread,
   * before the configuration goes to the proxy threads.
   */
  reserve?(options: OptionsOf<Builder>, place: ReservedPlace, memory: SharedMemory): readonly ReservedRegion[];

  /** Where it keeps answers. Absent: it keeps none. */
  cacheUse?(options: OptionsOf<Builder>): CacheUse;
  /**
   * What it counts and would tell other instances, if its store is one through which they tell each other (etcd, Consul).
   * Called in the control thread.
   */
  exchangeCounts?(options: OptionsOf<Builder>, place: MiddlewarePlace): ExchangedCounts | null;

  /** The names of other things of the configuration that stand in `written`. */
  findReferences?(written: unknown): readonly Reference[];

  /** What of `written` is of no use on a route that sends nothing upstream: a mistake there. */
  findUselessParts?(written: unknown): readonly UselessPart[];

  /**
   * What is hardly what its author wants: sentences without a full stop. Absent: nothing is.
   */
  findOddities?(options: OptionsOf<Builder>, place: OddPlace): string[];

  /** Does it tell clients apart by their address? Then those that have none are all one to it. Absent: it does not. */
  goesByClientAddress?(options: OptionsOf<Builder>): boolean;
}
