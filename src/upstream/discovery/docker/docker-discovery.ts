/** Follows the containers of a Docker engine that are meant for one upstream. */
import { hostname } from "node:os";
import type { Discovery, DiscoveryContext, DiscoveryObserver } from "../discovery.ts";
import { EndpointCollector } from "../endpoint-list.ts";
import { endpointOf } from "./container-endpoint.ts";
import type { EngineState } from "./docker-engine.ts";
import type { DockerDiscoveryOptions } from "./options.ts";
import { ownNetworksOf } from "./own-networks.ts";
import { followEngine } from "./shared-engines.ts";

/** Follows one upstream's containers. */
export class DockerDiscovery implements Discovery {
  readonly #options: DockerDiscoveryOptions;
  readonly #context: DiscoveryContext;
  readonly #hostName: string;
  #leave: (() => void) | null = null;
  /** What was told last: the engine tells of every container, also of those of others. */
  #told: string | null = null;

  /** @param hostName what this machine calls itself */
  constructor(options: DockerDiscoveryOptions, context: DiscoveryContext, hostName: string = hostname()) {
    this.#options = options;
    this.#hostName = hostName;
    this.#context = context;
  }

  start(observer: DiscoveryObserver): void {
    this.#leave = followEngine(this.#options, this.#context, {
      onState: (state) => this.#tell(state, observer),
      onFailure: (reason) => observer.onFailure(reason),
    });
  }

  close(): void {
    this.#leave?.();
    this.#leave = null;
  }

  #tell({ containers, isStopping, isFirst }: EngineState, observer: DiscoveryObserver): void {
    const list = new EndpointCollector();
    const ownNetworks = ownNetworksOf(containers, this.#hostName);
    for (const container of containers) {
      const endpoint = endpointOf({
        container,
        options: this.#options,
        upstream: this.#context.upstream,
        ownNetworks,
        isStopping: isStopping(container.id),
      });
      if (endpoint !== null) list.add(endpoint);
    }
    const { endpoints, refused } = list;
    const told = JSON.stringify([endpoints, refused]);
    if (told === this.#told) return observer.onAlive();
    // After the first list, what is gone was seen to end, or asked about. Containers that are there and all fail their
    // checks may do so because of their checks.
    const isCertain = !isFirst && (endpoints.length > 0 || refused.length === 0);
    observer.onSnapshot({ endpoints, refused, version: null, isCertain });
    this.#told = told;
  }
}
