/**
 * Sees when an upstream panics (see `form-groups.ts`) and when that is over: for the log and the metrics. The threads
 * decide for themselves, by the same rule.
 */
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import { isPanicking } from "../upstream/balancer/form-groups.ts";
import type { EndpointsOf } from "./shared-endpoints.ts";

/** Tells when an upstream begins to panic and when that is over; `look` after every change of health. */
export class PanicWatch {
  readonly #endpointsOf: EndpointsOf;
  readonly #logger: Logger;
  /** By upstream; those that never panic are not in it. */
  #thresholds = new Map<string, number>();
  readonly #panicking = new Set<string>();

  constructor(endpointsOf: EndpointsOf, logger: Logger) {
    this.#endpointsOf = endpointsOf;
    this.#logger = logger;
  }

  /** Goes by `config` from now on. */
  adopt(config: Pick<Config, "upstreams">): void {
    this.#thresholds = new Map(
      Object.entries(config.upstreams).flatMap(([name, { panicThreshold }]) =>
        panicThreshold > 0 ? [[name, panicThreshold]] : [],
      ),
    );
    for (const name of this.#panicking) if (!this.#thresholds.has(name)) this.#panicking.delete(name);
  }

  /** Looks at `upstream`, and says so if its state is another than at the last look. @returns whether it panics */
  look(upstream: string): boolean {
    const endpoints = this.#endpointsOf(upstream);
    const candidates = endpoints.map(({ spec, state }) => ({
      weight: state.weightOverride ?? spec.weight,
      priority: spec.isBackup ? 1 : 0,
      isAvailable: state.isAdmitting,
      isWanted: state.isWanted,
      isAnswering: state.isAnswering,
    }));
    const panics = isPanicking(candidates, this.#thresholds.get(upstream) ?? 0);
    if (panics === this.#panicking.has(upstream)) return panics;
    const fields = {
      upstream,
      available: candidates.filter((candidate) => candidate.isAvailable).length,
      endpoints: endpoints.length,
    };
    if (panics) {
      this.#panicking.add(upstream);
      this.#logger.warn("upstream panics: too few endpoints pass their checks, all that answer are used", fields);
    } else {
      this.#panicking.delete(upstream);
      this.#logger.info("upstream panics no more", fields);
    }
    return panics;
  }

  readonly collect: MetricCollector = (add) => {
    for (const upstream of this.#thresholds.keys()) add(families.panic, [upstream], this.look(upstream) ? 1 : 0);
  };
}
