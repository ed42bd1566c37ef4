/**
 * Which names the labels of metrics may carry: those of the running configuration. A series with another name is let
 * go, so that scrapes and memory stay as large as the configuration, however often it changes; what still ends under a
 * name that is gone is counted under `_gone`.
 */
import { TimeSlices } from "../base/time-slices.ts";
import { noLabelValue } from "./families.ts";
import type { MetricFamily } from "./metric-family.ts";
import { overflowLabelValue } from "./metric-writer.ts";

/** What stands in a label for a name that the configuration no longer has. */
export const goneLabelValue = "_gone";

const special: ReadonlySet<string> = new Set([goneLabelValue, noLabelValue, overflowLabelValue]);

/** A configuration, as far as it gives names. */
export interface NamingConfig {
  readonly listeners: readonly { readonly name: string }[];
  readonly routes: readonly { readonly name: string }[];
  readonly upstreams: Readonly<Record<string, { readonly endpoints: readonly { readonly url: string }[] }>>;
  readonly stores: Readonly<Record<string, unknown>>;
}

/** The names of a configuration. Its listeners and the endpoints of its upstreams may change while it runs. */
export class LabelNames {
  #listeners: ReadonlySet<string>;
  readonly #routes: ReadonlySet<string>;
  readonly #endpoints = new Map<string, Set<string>>();
  readonly #stores: ReadonlySet<string>;

  /** Use `LabelNames.build`. */
  private constructor({ listeners, routes, stores }: NamingConfig) {
    this.#listeners = new Set(listeners.map(({ name }) => name));
    this.#routes = new Set(routes.map(({ name }) => name));
    this.#stores = new Set(Object.keys(stores));
  }

  /** The names of `config`, gathered in slices. */
  static async build(config: NamingConfig, slices = new TimeSlices()): Promise<LabelNames> {
    const names = new LabelNames(config);
    for (const [name, { endpoints }] of Object.entries(config.upstreams)) {
      names.#endpoints.set(name, new Set(endpoints.map(({ url }) => url)));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    return names;
  }

  /** Takes endpoints from `upstream`, and gives it others. */
  patchEndpoints(
    upstream: string,
    { gone, changed }: { readonly gone: readonly string[]; readonly changed: readonly { readonly url: string }[] },
  ): void {
    const urls = this.#endpoints.get(upstream) ?? new Set<string>();
    for (const url of gone) urls.delete(url);
    for (const { url } of changed) urls.add(url);
    this.#endpoints.set(upstream, urls);
  }

  /** Makes `names` the listeners: those of the configuration, and others that still have connections. */
  setListeners(names: readonly string[]): void {
    this.#listeners = new Set(names);
  }

  /**
   * May a series of `family` have these labels? Labels that do not come from the configuration are of closed sets, and
   * always may.
   */
  has(family: MetricFamily, labelValues: readonly string[]): boolean {
    const { labels } = family;
    let upstream = "";
    for (let at = 0; at < labels.length; at++) {
      const value = labelValues[at] ?? "";
      if (labels[at] === "upstream") upstream = value;
      if (!special.has(value) && !this.#hasValue(labels[at]!, value, upstream)) return false;
    }
    return true;
  }

  hasListener(name: string): boolean {
    return this.#listeners.has(name);
  }

  hasRoute(name: string): boolean {
    return name === "" || this.#routes.has(name);
  }

  hasUpstream(name: string): boolean {
    return name === "" || this.#endpoints.has(name);
  }

  hasEndpoint(upstream: string, name: string): boolean {
    return this.#endpoints.get(upstream)?.has(name) === true;
  }

  #hasValue(label: string, value: string, upstream: string): boolean {
    switch (label) {
      case "listener":
        return this.#listeners.has(value);
      case "route":
        return this.#routes.has(value);
      case "upstream":
        return this.#endpoints.has(value);
      case "endpoint":
        return this.hasEndpoint(upstream, value);
      case "store":
        // The memory of the process is there without being named.
        return value === "memory" || this.#stores.has(value);
      default:
        return true;
    }
  }
}
