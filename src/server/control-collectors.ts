/** What the control thread tells of itself when metrics are read, beside what all threads count. */
import type { CacheKeeper } from "../cache/cache-keeper.ts";
import type { Config } from "../config/schema.ts";
import type { AccessLogFiles } from "../observe/access-log-files.ts";
import { families } from "../observe/families.ts";
import type { MetricReader } from "../observe/metric-reader.ts";
import { lostApplicationLines } from "../observe/standard-output.ts";
import { collectBalancing } from "./balancing-metrics.ts";
import { collectCacheStores } from "./cache-metrics.ts";
import type { ListenerCertificates } from "./certificates/listener-certificates.ts";
import { collectConfigurationStore, type CommandOptions } from "./configuration-source.ts";
import type { DataPlanes } from "./data-planes.ts";
import { collectDiscovery } from "./discovery-metrics.ts";
import type { EndpointLists } from "./endpoint-lists.ts";
import type { EndpointWatch } from "./endpoint-watch.ts";
import type { SharedEndpoints } from "./shared-endpoints.ts";

/** Who knows what is told. */
export interface ControlCollectorParts {
  readonly config: () => Config;
  readonly endpoints: SharedEndpoints;
  readonly lists: EndpointLists;
  readonly cache: CacheKeeper;
  readonly watch: EndpointWatch;
  readonly certificates: ListenerCertificates;
  readonly planes: DataPlanes;
  readonly accessLogFiles: AccessLogFiles;
  readonly options: CommandOptions;
}

/** Adds everything to `reader` that is looked up when it is read. */
export function addControlCollectors(reader: MetricReader, parts: ControlCollectorParts): void {
  const { config, endpoints, lists, watch, certificates, planes, accessLogFiles } = parts;
  reader.addCollector(endpoints.collect);
  reader.addCollector(watch.collect);
  reader.addCollector(certificates.collect);
  reader.addCollector(collectBalancing(config, (upstream) => endpoints.of(upstream)));
  reader.addCollector(collectConfigurationStore(parts.options));
  reader.addCollector(collectCacheStores(() => parts.cache.stores()));
  reader.addCollector(collectDiscovery(() => lists.reports()));
  reader.addCollector((add) => {
    add(families.threads, [], planes.threads.filter((thread) => thread.isRunning).length);
    add(families.logLinesLost, ["access"], accessLogFiles.lost);
    add(families.logLinesLost, ["application"], lostApplicationLines());
    add(families.accessLogDropped, [], accessLogFiles.lost);
  });
}
