/** Where the configuration of a proxy comes from, for its status and its metrics. The command knows; a program need not. */
import type { ConfigurationStatus } from "../admin/admin-sources.ts";
import { families } from "../observe/families.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import type { ProxyOptions } from "./proxy.ts";

/** What the command gives its proxy beside what programs may. */
export interface CommandOptions extends ProxyOptions {
  /** Where the configuration comes from; default: a program. */
  readonly describeConfiguration?: () => ConfigurationStatus;
}

/** As the command says, or that nobody says. */
export function describeConfiguration(options: CommandOptions): ConfigurationStatus {
  return options.describeConfiguration?.() ?? { source: null, appliedAt: null, store: null };
}

/** Metrics of a configuration that is followed in a store; none if it is elsewhere. */
export function collectConfigurationStore(options: CommandOptions): MetricCollector {
  return (add) => {
    const { store } = describeConfiguration(options);
    if (store === null) return;
    add(families.configStoreUp, [], store.isUp ? 1 : 0);
    if (store.ageSeconds !== null) add(families.configStoreAge, [], store.ageSeconds);
    add(families.configStoreRefused, [], store.refused === null ? 0 : 1);
    add(families.configStoreMissing, [], store.isMissing ? 1 : 0);
    add(families.configStoreCopy, [], store.isCopy ? 1 : 0);
  };
}
