/**
 * The sources of the endpoints of all upstreams, in the control thread: which source an upstream has, and which lists
 * have changed since they were last taken. However many changes come while one is brought to the proxy threads, the next
 * brings the latest list of each upstream.
 */
import { isDeepStrictEqual } from "node:util";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../base/scheduler.ts";
import { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "../config/schema.ts";
import type { DiscoveryReport } from "../upstream/discovery/discovery-record.ts";
import {
  type EndpointSource,
  StaticEndpoints,
  withUniqueUrls,
  findPatch,
  type ListPatch,
  patchList,
} from "../upstream/endpoint-source.ts";
import type { UpstreamOptions } from "../upstream/options.ts";
import { type EndpointUse, findEndpointUses } from "./endpoint-fit.ts";

/** How long after its start a proxy says that it has no list of endpoints yet. */
const maxMissingMs = 60_000;
/** Changes that could not be brought to the proxy threads are tried again after so long. */
const retryMs = 1_000;

/** What is known when a source is made. */
export interface SourcePlace {
  /** What routes lead to the upstream. */
  readonly use: EndpointUse;
  /** The source that it replaces, if that follows the same; else null. */
  readonly previous: EndpointSource | null;
}

/** Makes the source that `options` ask for. */
export type CreateEndpointSource = (
  upstream: string,
  options: UpstreamOptions,
  place: SourcePlace,
) => EndpointSource | Promise<EndpointSource>;

/** What the lists are made of, and who hears of them. */
export interface EndpointListsParts {
  readonly createSource: CreateEndpointSource;
  /** Something has changed; called once until `takeChanges`. */
  readonly onChange: () => void;
  readonly scheduler?: Scheduler;
}

/** A source, and what it was made for. */
interface Sourced {
  readonly source: EndpointSource;
  readonly configured: Pick<UpstreamOptions, "endpoints" | "discovery">;
  readonly use: EndpointUse;
}

/** The next list of an upstream. */
export interface ListChange {
  readonly upstream: string;
  /** With the list. */
  readonly options: UpstreamOptions;
  /** What makes the list before into this one. */
  readonly patch: ListPatch;
  /** Where the list is from, for the log. */
  readonly cause: string | null;
}

/** Holds the sources of the running configuration. `open`, `prepare` and `commit` (or `abort`) go together. */
export class EndpointLists {
  readonly #parts: EndpointListsParts;
  #sources: ReadonlyMap<string, Sourced> = new Map();
  #prepared: Map<string, Sourced> | null = null;
  readonly #changed = new Set<string>();
  readonly #scheduler: Scheduler;
  #retry: ScheduledCall | null = null;
  /** When the first configuration began to run; null = none has. */
  #startedMs: number | null = null;
  /** Its upstreams with a discovery. */
  readonly #startedWith = new Set<string>();
  #isClosed = false;

  constructor(parts: EndpointListsParts) {
    this.#parts = parts;
    this.#scheduler = parts.scheduler ?? systemScheduler;
  }

  /**
   * Makes the sources for `config`, in slices, and waits for their first lists as long as each allows; those of upstreams
   * whose `endpoints` and `discovery` are configured as before go on. `takeChanges` may be called meanwhile.
   */
  async open(config: Config, slices = new TimeSlices()): Promise<void> {
    const prepared = new Map<string, Sourced>();
    this.#prepared = prepared;
    const uses = findEndpointUses(config);
    const first: Promise<void>[] = [];
    for (const [name, options] of Object.entries(config.upstreams)) {
      const use = uses.get(name) ?? "http";
      const known = this.#sources.get(name);
      if (known !== undefined && known.use === use && isSameSource(known.configured, options))
        prepared.set(name, known);
      else {
        const { endpoints, discovery } = options;
        const previous = known !== undefined && followsSame(known.configured, options) ? known.source : null;
        const made = this.#parts.createSource(name, options, { use, previous });
        const source = made instanceof Promise ? await made : made;
        prepared.set(name, { source, configured: { endpoints, discovery }, use });
        if (source.ready !== undefined) first.push(source.ready);
      }
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    await Promise.all(first);
    if (!this.#isClosed) return;
    this.#prepared = prepared;
    this.abort();
    throw new Error("this proxy has been closed");
  }

  /**
   * Lays the lists over the configuration whose sources were opened, in slices.
   * @returns `config` with the lists that the sources give now
   */
  async prepare(config: Config, slices = new TimeSlices()): Promise<Config> {
    const listed: Record<string, UpstreamOptions> = {};
    let isAsWritten = true;
    for (const [name, options] of Object.entries(config.upstreams)) {
      const { source } = this.#prepared!.get(name)!;
      const endpoints = withUniqueUrls(source.endpoints);
      const isSame = endpoints === options.endpoints || isDeepStrictEqual(endpoints, options.endpoints);
      listed[name] = isSame ? options : { ...options, endpoints: [...endpoints] };
      if (!isSame) isAsWritten = false;
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    return isAsWritten ? config : { ...config, upstreams: listed };
  }

  /** Makes the sources that were opened the running ones: they are watched, and the others closed. */
  commit(): void {
    const before = this.#sources;
    this.#sources = this.#prepared ?? before;
    this.#prepared = null;
    if (this.#startedMs === null) this.#noteStart();
    for (const [name, { source }] of before) if (this.#sources.get(name)?.source !== source) void source.close();
    for (const [name, { source }] of this.#sources) {
      if (before.get(name)?.source === source) continue;
      source.watch(() => {
        if (this.#sources.get(name)?.source === source) this.#note(name);
      });
      // It may have changed while its first list went to the threads. If it has not, nothing comes of it.
      if (!(source instanceof StaticEndpoints)) this.#note(name);
    }
  }

  /** Ends the sources that were opened. */
  abort(): void {
    for (const [name, { source }] of this.#prepared ?? [])
      if (this.#sources.get(name)?.source !== source) void source.close();
    this.#prepared = null;
  }

  /**
   * The upstreams whose sources now give other lists than `config` has, with these lists. The next change is told
   * again.
   */
  takeChanges(config: Config): ListChange[] {
    this.#retry?.cancel();
    this.#retry = null;
    const changes: ListChange[] = [];
    for (const upstream of this.#changed) {
      const options = config.upstreams[upstream];
      const source = this.#sources.get(upstream)?.source;
      if (options === undefined || source === undefined) continue;
      const endpoints = withUniqueUrls(source.endpoints);
      const patch = findPatch(options.endpoints, endpoints);
      if (patch === null) continue;
      const patched = { ...options, endpoints: patchList(options.endpoints, patch) };
      changes.push({ upstream, options: patched, patch, cause: source.cause ?? null });
    }
    this.#changed.clear();
    return changes;
  }

  /**
   * Has `bring` bring the changes to where they belong, if there are any. If that fails they are told again in a while:
   * a source that says nothing further must not be left behind.
   * @throws what `bring` throws
   */
  async bringChanges(config: Config, bring: (changes: readonly ListChange[]) => Promise<void>): Promise<void> {
    const changes = this.takeChanges(config);
    if (changes.length === 0) return;
    try {
      await bring(changes);
    } catch (error) {
      for (const { upstream } of changes) this.#changed.add(upstream);
      if (!this.#isClosed) this.#retry ??= this.#scheduler.after(retryMs, this.#parts.onChange);
      throw error;
    }
  }

  /**
   * The upstreams of the start that have no list yet. After a minute there are none any more: a proxy that cannot serve
   * what it is for should get no traffic, but one source that stays away must not keep it from all others.
   */
  missingAtStart(): readonly string[] {
    if (this.#startedMs === null || this.#scheduler.clock.now() - this.#startedMs > maxMissingMs) return [];
    return [...this.#startedWith].filter((name) => this.report(name)?.state === "waiting");
  }

  /** How the discovery of an upstream fares; null if it has none. */
  report(upstream: string): DiscoveryReport | null {
    return this.#sources.get(upstream)?.source.report?.() ?? null;
  }

  /** How all discoveries of the running configuration fare. */
  *reports(): Generator<[upstream: string, report: DiscoveryReport]> {
    for (const [name, { source }] of this.#sources) {
      const report = source.report?.();
      if (report !== undefined) yield [name, report];
    }
  }

  /** Ends all sources; settles when they have written what they keep. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.abort();
    const sources = [...this.#sources.values()];
    this.#sources = new Map();
    this.#changed.clear();
    await Promise.all(sources.map(async ({ source }) => source.close()));
  }

  #noteStart(): void {
    this.#startedMs = this.#scheduler.clock.now();
    for (const [name] of this.reports()) this.#startedWith.add(name);
  }

  #note(name: string): void {
    const isFirst = this.#changed.size === 0;
    this.#changed.add(name);
    if (isFirst) this.#parts.onChange();
  }
}

/** The upstreams of configurations that lists were laid over: copies of our own, which nobody else changes. */
const copies = new WeakSet<object>();

/**
 * `config` with other options of some upstreams. Copies the upstreams once; laid over the result, further changes are made
 * in the copy: of ten thousand upstreams one changes.
 */
export function withLists(config: Config, changes: readonly Pick<ListChange, "upstream" | "options">[]): Config {
  const upstreams = copies.has(config.upstreams) ? config.upstreams : { ...config.upstreams };
  copies.add(upstreams);
  for (const { upstream, options } of changes) upstreams[upstream] = options;
  return { ...config, upstreams };
}

/** Is the same asked in the same way, whatever else is different? */
function followsSame(one: Sourced["configured"], other: Sourced["configured"]): boolean {
  if (one.discovery === null || other.discovery === null) return false;
  const { hold, startTimeout, lastGood } = one.discovery;
  return isDeepStrictEqual(one.discovery, { ...other.discovery, hold, startTimeout, lastGood });
}

function isSameSource(one: Sourced["configured"], other: Sourced["configured"]): boolean {
  return isDeepStrictEqual(one.endpoints, other.endpoints) && isDeepStrictEqual(one.discovery, other.discovery);
}
