/**
 * The instances of a service in Consul, by blocking queries at its health endpoint. All instances are asked for and
 * judged here: so an instance that turns critical is shown with the reason, and is no hole in the list.
 *
 * No list is certain: Consul answers with a status of success and an empty or short list while an agent starts, and to
 * tokens that have lost their rights.
 */
import type { ConsulAnswer, ConsulClient, ConsulQuery } from "../../../remote/consul/consul-client.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { type Discovery, type DiscoveryObserver, maxDiscoveredEndpoints } from "../discovery.ts";
import type { ConsulDiscoveryOptions } from "./options.ts";
import { readServiceEntry } from "./service-entry.ts";

/** Of so many instances it is said why they get no requests; the others are counted. */
const maxRefused = 100;

/** Follows one service. Owns the client. */
export class ConsulDiscovery implements Discovery {
  readonly #client: ConsulClient;
  readonly #options: ConsulDiscoveryOptions;

  constructor(client: ConsulClient, options: ConsulDiscoveryOptions) {
    this.#client = client;
    this.#options = options;
  }

  start(observer: DiscoveryObserver): void {
    this.#client.follow(`health/service/${encodeURIComponent(this.#options.service)}`, this.#query(), {
      onAnswer: (answer) => this.#take(answer, observer),
      onAlive: () => observer.onAlive(),
      onFailure: (reason) => observer.onFailure(reason),
    });
  }

  close(): void {
    this.#client.close();
  }

  #query(): ConsulQuery {
    const { tags, filter, namespace, stale } = this.#options;
    return {
      ...(tags.length > 0 && { tag: tags }),
      ...(filter !== null && { filter }),
      ...(namespace !== null && { ns: namespace }),
      ...(stale && { stale: "" }),
    };
  }

  /** @returns why the answer cannot be used, or null */
  #take({ body, index }: ConsulAnswer, observer: DiscoveryObserver): string | null {
    if (!Array.isArray(body)) return "the answer of Consul is no list of instances";
    const endpoints: ListedEndpoint[] = [];
    const refused: string[] = [];
    let refusedCount = 0;
    for (const entry of body as unknown[]) {
      const read = readServiceEntry(entry, this.#options);
      if (typeof read !== "string") endpoints.push(read);
      else if (++refusedCount <= maxRefused) refused.push(read);
    }
    if (refusedCount > maxRefused) refused.push(`${refusedCount - maxRefused} further instances get no requests`);
    if (endpoints.length > maxDiscoveredEndpoints) {
      refused.push(`there are ${endpoints.length} instances; the first ${maxDiscoveredEndpoints} are taken`);
      endpoints.length = maxDiscoveredEndpoints;
    }
    observer.onSnapshot({ endpoints, refused, version: index, isCertain: false });
    return null;
  }
}
