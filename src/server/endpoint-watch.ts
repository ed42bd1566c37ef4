/**
 * What the control thread watches of endpoints while they run: it checks their health, ends ejections, and sees when an
 * upstream panics. Every change is said in the log; proxy threads see it in shared memory.
 */
import type { LookupFunction } from "node:net";
import { systemScheduler } from "../base/scheduler.ts";
import type { TimeSlices } from "../base/time-slices.ts";
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import type { Logger } from "../observe/logger.ts";
import type { MetricCollector } from "../observe/metric-reader.ts";
import type { ListDifference } from "../upstream/discovery/list-difference.ts";
import { EjectionKeeper } from "../upstream/ejection-keeper.ts";
import { HealthChecker, type HealthEvent, type HealthTarget } from "../upstream/health/health-checker.ts";
import { createProbe } from "../upstream/health/tcp-probe.ts";
import { HostResolver, type HostResolverOptions } from "../upstream/names/host-resolver.ts";
import { toLookupFunction } from "../upstream/names/lookup-function.ts";
import { PanicWatch } from "./panic-watch.ts";
import type { ReservedList, SharedEndpoints } from "./shared-endpoints.ts";

/** What a watch is made of. */
export interface EndpointWatchParts {
  readonly endpoints: SharedEndpoints;
  readonly logger: Logger;
  /** For the names of endpoints that are checked. */
  readonly resolving: HostResolverOptions;
}

/** Watches the endpoints of the running configuration until it is closed. */
export class EndpointWatch {
  /**
   * Resolves names as the checks do, for whoever asks services in the control thread. One function for all: clients of a
   * service are shared by those who have the same.
   */
  readonly lookup: LookupFunction;
  readonly #endpoints: SharedEndpoints;
  readonly #logger: Logger;
  readonly #resolver: HostResolver;
  readonly #health: HealthChecker;
  readonly #ejections: EjectionKeeper;
  readonly #panics: PanicWatch;

  constructor({ endpoints, logger, resolving }: EndpointWatchParts) {
    this.#endpoints = endpoints;
    this.#logger = logger;
    this.#resolver = new HostResolver(resolving);
    this.lookup = toLookupFunction(this.#resolver);
    this.#health = new HealthChecker({
      probe: createProbe(systemScheduler, this.lookup),
      onChange: (event) => this.#onHealthChange(event),
      onPass: ({ upstream, endpoint }) => this.#ejections.notePass(upstream, endpoint.url, "pass"),
    });
    this.#ejections = new EjectionKeeper({
      onReturn: ({ upstream, endpoint }, cause) =>
        logger.info("endpoint is no longer ejected", { upstream, endpoint, cause }),
    });
    this.#panics = new PanicWatch((upstream) => endpoints.of(upstream), logger);
  }

  /** Every endpoint that is checked has been checked once. */
  get firstRoundDone(): Promise<void> {
    return this.#health.firstRoundDone;
  }

  /** Watches the endpoints of `config` from now on, whose shared state is there. In slices. */
  async adopt(config: Config, slices: TimeSlices): Promise<void> {
    this.#panics.adopt(config);
    const checked: HealthTarget[] = [];
    for (const [name, options] of Object.entries(config.upstreams)) {
      checked.push(...this.#endpoints.healthTargets(name, options));
      this.#ejections.update(name, this.#endpoints.ejectionTargets(name));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#ejections.keep((upstream) => Object.hasOwn(config.upstreams, upstream));
    this.#health.update(checked);
  }

  /** An upstream has other endpoints, whose shared state is there. @param change what is different, for the log */
  adoptList({ upstream, options, cause }: ReservedList, change: ListDifference): void {
    this.#health.updateUpstream(upstream, this.#endpoints.healthTargets(upstream, options));
    this.#ejections.update(upstream, this.#endpoints.ejectionTargets(upstream));
    this.#panics.look(upstream);
    this.#logger.info("upstream has other endpoints", {
      upstream,
      endpoints: options.endpoints.length,
      ...change,
      cause: cause ?? undefined,
    });
  }

  close(): void {
    this.#health.close();
    this.#ejections.close();
    this.#resolver.close();
  }

  readonly collect: MetricCollector = (add) => {
    this.#panics.collect(add);
    for (const { upstream, endpoint, successes, failures } of this.#health.status()) {
      add(families.healthChecks, [upstream, endpoint, "success"], successes);
      add(families.healthChecks, [upstream, endpoint, "failure"], failures);
    }
  };

  #onHealthChange({ upstream, endpoint, from, to, reason }: HealthEvent): void {
    if (to === "healthy") this.#ejections.notePass(upstream, endpoint, from === "unhealthy" ? "recovery" : "pass");
    this.#logger[to === "unhealthy" ? "warn" : "info"](`endpoint is ${to}`, { upstream, endpoint, from, reason });
    this.#panics.look(upstream);
  }
}
