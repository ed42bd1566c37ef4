/** What the admin listener is handed of a proxy: what it shows, and what it can do. */
import type { AdminSources, ConfigurationStatus } from "../admin/admin-sources.ts";
import type { CacheKeeper } from "../cache/cache-keeper.ts";
import type { Config } from "../config/schema.ts";
import type { MetricReader } from "../observe/metric-reader.ts";
import type { ListenerCertificates } from "./certificates/listener-certificates.ts";
import type { DataPlanes } from "./data-planes.ts";
import type { EndpointControl } from "./endpoint-control.ts";
import type { EndpointLists } from "./endpoint-lists.ts";
import { describeProxy } from "./proxy-status.ts";
import type { SharedEndpoints } from "./shared-endpoints.ts";

/** How far the life of a proxy has come. */
export type ProxyState = "new" | "starting" | "ready" | "draining" | "closed";

/** What is shown, and who does it. */
export interface AdminSourceParts {
  state(): ProxyState;
  /** The one at work. */
  config(): Config;
  /** Where it comes from. */
  configuration(): ConfigurationStatus;
  readonly planes: DataPlanes;
  readonly endpoints: SharedEndpoints;
  readonly lists: EndpointLists;
  readonly reader: MetricReader;
  /** Upstreams that are waited for because they have no list yet. */
  missingLists(): readonly string[];
  readonly certificates: ListenerCertificates;
  readonly endpointControl: EndpointControl;
  readonly cache: CacheKeeper;
  readonly onReloadRequest: AdminSources["reload"];
}

/** How many reasons are told why it is not ready. */
const maxReasons = 20;

const sayMissing = (upstream: string): string =>
  `The upstream ${upstream} has no list of endpoints yet: its source has not answered.`;

/** The sources of the admin listener; everything is looked up when it is asked for. */
export function proxyAdminSources(parts: AdminSourceParts): AdminSources {
  const { planes, endpoints, lists, reader, endpointControl } = parts;
  const shownState = (): "starting" | "ready" | "draining" => {
    const state = parts.state();
    if (state === "new") return "starting";
    return state === "closed" ? "draining" : state;
  };
  return {
    metrics: () => reader.read(),
    readiness: () => {
      const state = shownState();
      const missing = parts.missingLists();
      if (state === "ready" && missing.length === 0) return { isReady: true, reasons: [] };
      if (state === "ready") return { isReady: false, reasons: missing.slice(0, maxReasons).map(sayMissing) };
      return {
        isReady: false,
        reasons: [state === "starting" ? "The first health checks are under way." : "Shutting down."],
      };
    },
    status: () => {
      const certificates = parts.certificates.describe();
      return describeProxy({
        state: shownState(),
        configuration: parts.configuration(),
        config: parts.config(),
        planes,
        endpoints,
        lists,
        reader,
        certificates,
      });
    },
    endpoint: (upstream, endpoint, change) => endpointControl.apply(upstream, endpoint, change),
    stores: () => parts.cache.stores(),
    purge: (request, by) => parts.cache.purge(request, by),
    reload: parts.onReloadRequest,
  };
}
