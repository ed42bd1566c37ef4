/**
 * The upstreams of a runtime. Each is opened when the first request comes for it: balancer, transports and windows on
 * shared memory are some 50 objects an endpoint, and most of ten thousand upstreams are idle in most threads.
 *
 * An upstream that was open in the runtime that is replaced is opened at once, so that its transports live on; nothing
 * in here keeps the runtime before alive.
 */
import { TimeSlices } from "../base/time-slices.ts";
import { type ListedEndpoint, type ListPatch, patchList } from "../upstream/endpoint-source.ts";
import type { Transport } from "../upstream/transport.ts";
import { transportsLeftBehind, Upstream } from "../upstream/upstream.ts";
import { toEndpointSpecs } from "./endpoint-specs.ts";
import { toUpstreamParts, type UpstreamContext } from "./upstream-parts.ts";

/** Opens the upstreams of one configuration, and holds those that are open. */
export class Upstreams {
  readonly #context: UpstreamContext;
  readonly #open = new Map<string, Upstream>();
  /** Lists that came after the configuration, for upstreams that are not open. */
  readonly #lists = new Map<string, readonly ListedEndpoint[]>();

  /** Nothing is open yet. */
  constructor(context: UpstreamContext) {
    this.#context = context;
  }

  /** Opens what is open in `previous` and still there, in slices. */
  async follow(previous: Upstreams, slices: TimeSlices): Promise<void> {
    for (const [name, before] of previous.#open) {
      if (!this.has(name)) continue;
      this.#open.set(name, new Upstream({ ...this.#partsOf(name), previous: before }));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#context.config.upstreams, name);
  }

  /** The upstream `name`, opened now if it is not. @throws Error if there is none */
  get(name: string): Upstream {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opened = new Upstream(this.#partsOf(name));
    this.#open.set(name, opened);
    return opened;
  }

  /** Those that are open. */
  get open(): Iterable<Upstream> {
    return this.#open.values();
  }

  /** Is there an endpoint `url` in the open upstream `name`? */
  hasOpenEndpoint(name: string, url: string): boolean {
    return this.#open.get(name)?.find(url) != null;
  }

  /**
   * Gives the upstream `name` other endpoints, in steps as `Upstream.take`.
   * @returns the transports of those that are gone, for the caller to drain
   */
  *take(name: string, patch: ListPatch): Generator<void, Transport[], void> {
    const upstream = this.#open.get(name);
    const options = this.#optionsOf(name);
    if (upstream === undefined) {
      this.#lists.set(name, patchList(this.#lists.get(name) ?? options.endpoints, patch));
      return [];
    }
    const changed = toEndpointSpecs({ ...options, endpoints: patch.changed });
    return yield* upstream.take({ gone: patch.gone, changed });
  }

  /** The transports that `next` did not take over, looked for in slices. */
  async leftBehind(next: Upstreams, slices = new TimeSlices()): Promise<Transport[]> {
    const left: Transport[] = [];
    for (const [name, upstream] of this.#open) {
      left.push(...transportsLeftBehind(upstream, next.#open.get(name) ?? null));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    return left;
  }

  get transports(): Transport[] {
    return [...this.open].flatMap(({ endpoints }) => endpoints.map(({ transport }) => transport));
  }

  #partsOf(name: string): ReturnType<typeof toUpstreamParts> {
    const options = this.#optionsOf(name);
    const endpoints = this.#lists.get(name) ?? options.endpoints;
    return toUpstreamParts(name, { ...options, endpoints: [...endpoints] }, this.#context);
  }

  #optionsOf(name: string): UpstreamContext["config"]["upstreams"][string] {
    const options = this.has(name) ? this.#context.config.upstreams[name] : undefined;
    if (options === undefined) throw new Error(`there is no upstream "${name}"`);
    return options;
  }
}
