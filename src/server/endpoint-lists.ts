/**
 * The sources of the endpoints of all upstreams, in the control thread: which source an upstream has, and which lists
 * have changed since they were last taken. However many changes come while one is brought to the proxy threads, the next
 * brings the latest list of each upstream.
 */
import { isDeepStrictEqual } from "node:util";
import { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "../config/schema.ts";
import {
  type EndpointSource,
  isSameList,
  type ListedEndpoint,
  StaticEndpoints,
  withUniqueUrls,
} from "../upstream/endpoint-source.ts";
import type { UpstreamOptions } from "../upstream/options.ts";

/** Makes the source that `options` ask for. */
export type CreateEndpointSource = (upstream: string, options: UpstreamOptions) => EndpointSource;

/** What a configuration can ask for as yet: the list that is written in it. */
export const staticSource: CreateEndpointSource = (_upstream, { endpoints }) => new StaticEndpoints(endpoints);

/** What the lists are made of, and who hears of them. */
export interface EndpointListsParts {
  readonly createSource: CreateEndpointSource;
  /** Something has changed; called once until `takeChanges`. */
  readonly onChange: () => void;
}

/** A source, and what it was made for. */
interface Sourced {
  readonly source: EndpointSource;
  readonly configured: readonly ListedEndpoint[];
}

/** Holds the sources of the running configuration. `prepare` and `commit` (or `abort`) go in pairs. */
export class EndpointLists {
  readonly #parts: EndpointListsParts;
  #sources: ReadonlyMap<string, Sourced> = new Map();
  #prepared: ReadonlyMap<string, Sourced> | null = null;
  readonly #changed = new Set<string>();

  constructor(parts: EndpointListsParts) {
    this.#parts = parts;
  }

  /**
   * Makes the sources for `config`, in slices; those of upstreams whose `endpoints` are configured as before go on.
   * @returns `config` with the lists that the sources give now
   */
  async prepare(config: Config, slices = new TimeSlices()): Promise<Config> {
    const prepared = new Map<string, Sourced>();
    const listed: Record<string, UpstreamOptions> = {};
    let isAsWritten = true;
    for (const [name, options] of Object.entries(config.upstreams)) {
      const known = this.#sources.get(name);
      const sourced =
        known !== undefined && isDeepStrictEqual(known.configured, options.endpoints)
          ? known
          : { source: this.#parts.createSource(name, options), configured: options.endpoints };
      prepared.set(name, sourced);
      const endpoints = withUniqueUrls(sourced.source.endpoints);
      const isSame = endpoints === options.endpoints || isDeepStrictEqual(endpoints, options.endpoints);
      listed[name] = isSame ? options : { ...options, endpoints: [...endpoints] };
      if (!isSame) isAsWritten = false;
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#prepared = prepared;
    return isAsWritten ? config : { ...config, upstreams: listed };
  }

  /** Makes the sources that were prepared the running ones: they are watched, and the others closed. */
  commit(): void {
    const before = this.#sources;
    this.#sources = this.#prepared ?? before;
    this.#prepared = null;
    for (const [name, { source }] of before) if (this.#sources.get(name)?.source !== source) source.close();
    for (const [name, { source }] of this.#sources) {
      if (before.get(name)?.source === source) continue;
      source.watch(() => {
        if (this.#sources.get(name)?.source === source) this.#note(name);
      });
      // It may have changed while its first list went to the threads. If it has not, nothing comes of it.
      if (!(source instanceof StaticEndpoints)) this.#note(name);
    }
  }

  /** Ends the sources that were prepared. */
  abort(): void {
    for (const [name, { source }] of this.#prepared ?? [])
      if (this.#sources.get(name)?.source !== source) source.close();
    this.#prepared = null;
  }

  /**
   * The upstreams whose sources now give other lists than `config` has, with these lists. The next change is told
   * again.
   */
  takeChanges(config: Config): [upstream: string, options: UpstreamOptions][] {
    const changes: [string, UpstreamOptions][] = [];
    for (const name of this.#changed) {
      const options = config.upstreams[name];
      const source = this.#sources.get(name)?.source;
      if (options === undefined || source === undefined) continue;
      const endpoints = withUniqueUrls(source.endpoints);
      if (!isSameList(endpoints, options.endpoints)) changes.push([name, { ...options, endpoints: [...endpoints] }]);
    }
    this.#changed.clear();
    return changes;
  }

  /** Ends all sources. */
  close(): void {
    this.abort();
    for (const { source } of this.#sources.values()) source.close();
    this.#sources = new Map();
    this.#changed.clear();
  }

  #note(name: string): void {
    const isFirst = this.#changed.size === 0;
    this.#changed.add(name);
    if (isFirst) this.#parts.onChange();
  }
}
